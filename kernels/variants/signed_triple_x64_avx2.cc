// signed-triple-x64 by vpshufb and vpsignb: a table of 16 bytes lies in both lanes of a register, a
// lane of bytes is a row, 32 rows a register. Tables and ranges: signed_triple_tables.h.
#include "kernels/encodings/signed_triple_x64.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/signed_triple_tables.h"
#include "kernels/variants/simd256.h"

namespace ryz {
namespace {

constexpr std::size_t kTableBytes = 32;  // of a triple: 16 of low, 16 of high

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * signed_triple_units(cols) * kSignedTriplesOfUnit * kTableBytes;
}

constexpr WeightsOfNumbers<16> kWeights;

inline void fill(const std::int8_t* q, std::uint8_t* table) {
  const __m256i three = broadcast_dword256(q);
  const __m256i first = _mm256_shuffle_epi8(three, _mm256_set1_epi16(1 << 8));
  const __m256i last = _mm256_shuffle_epi8(three, _mm256_set1_epi16(2));
  // Σ (w + 1)·q, of which number 0, three times w = 0, is Σ q.
  const __m256i more = _mm256_add_epi16(_mm256_maddubs_epi16(load32(kWeights.first), first),
                                        _mm256_maddubs_epi16(load32(kWeights.last), last));
  const __m256i t = _mm256_sub_epi16(more, _mm256_broadcastw_epi16(_mm256_castsi256_si128(more)));
  const __m256i high = _mm256_mulhrs_epi16(t, _mm256_set1_epi16(kInverseOfHigh));
  const __m256i low = _mm256_sub_epi16(t, _mm256_mullo_epi16(high, _mm256_set1_epi16(kHigh)));
  const __m256i bytes = _mm256_packs_epi16(low, high);
  _mm256_store_si256(reinterpret_cast<__m256i*>(table), _mm256_permute4x64_epi64(bytes, 0xD8));
}

void build(const Activations& activations, GroupRange triples, void* table) noexcept {
  for_each_triple(activations, triples, [table](const std::int8_t* q, std::size_t triple) {
    fill(q, static_cast<std::uint8_t*>(table) + triple * kTableBytes);
  });
}

inline __m256i both_lanes(const std::uint8_t* p) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}

constexpr std::size_t kRegisters = kSignedTripleX64Rows / 32;

// Sums of bytes of all rows.
struct Bytes {
  __m256i low[kRegisters];
  __m256i high[kRegisters];

  // kFirst: there are no sums yet.
  template <bool kFirst>
  void add(const std::uint8_t* table, const __m256i (&magnitude)[kRegisters],
           const __m256i (&sign)[kRegisters]) {
    const __m256i low_table = both_lanes(table);
    const __m256i high_table = both_lanes(table + 16);
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kRegisters; ++v) {
      const __m256i l = _mm256_sign_epi8(_mm256_shuffle_epi8(low_table, magnitude[v]), sign[v]);
      const __m256i h = _mm256_sign_epi8(_mm256_shuffle_epi8(high_table, magnitude[v]), sign[v]);
      low[v] = kFirst ? l : _mm256_add_epi8(low[v], l);
      high[v] = kFirst ? h : _mm256_add_epi8(high[v], h);
      // Or g++ 12 adds the eight as a tree and keeps lookups in memory meanwhile.
      asm("" : "+x"(low[v]), "+x"(high[v]));
    }
  }
};

// words[v][half]: of the 32 rows of register v.
using Words = __m256i[kRegisters][2];

template <bool kAsk>
inline void add_unit(const std::uint8_t* codes, const std::uint8_t* table, Words& words) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i one = _mm256_set1_epi8(1);
  Bytes sums;
  __m256i sign[kRegisters];
#pragma GCC unroll 2
  for (std::size_t v = 0; v < kRegisters; ++v) {
    // vpsignb looks at the top bit, and at whether there is any other: bit 0 is one.
    sign[v] = _mm256_or_si256(load32(codes + kSignedTripleSigns + 32 * v), one);
  }
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j) {
    __m256i c[kRegisters];
    __m256i magnitude[kRegisters];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kRegisters; ++v) {
      c[v] = load32(codes + j * kSignedTripleX64Rows + 32 * v);
      // Or g++ 12 loads it twice.
      asm("" : "+x"(c[v]));
      magnitude[v] = _mm256_and_si256(c[v], nibble);
    }
    if constexpr (kAsk) ask_ahead(codes + j * kSignedTripleX64Rows, magnitude[0]);
    if (j == 0) {
      sums.add<true>(table, magnitude, sign);
    } else {
      sums.add<false>(table + 2 * j * kTableBytes, magnitude, sign);
    }
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kRegisters; ++v) {
      if (j < 3) {
        sign[v] = _mm256_add_epi8(sign[v], sign[v]);
      } else {
        const __m256i signs = load32(codes + kSignedTripleSigns + 32 * v);
        sign[v] = _mm256_or_si256(_mm256_slli_epi16(signs, 7), one);
      }
      magnitude[v] = _mm256_and_si256(_mm256_srli_epi16(c[v], 4), nibble);
    }
    sums.add<false>(table + (2 * j + 1) * kTableBytes, magnitude, sign);
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kRegisters; ++v) sign[v] = _mm256_add_epi8(sign[v], sign[v]);
  }
  if constexpr (kAsk) ask_ahead(codes + kSignedTripleSigns, sums.low[0]);  // the unit's last line
  const __m256i places = _mm256_set1_epi16(kHigh << 8 | 1);
#pragma GCC unroll 2
  for (std::size_t v = 0; v < kRegisters; ++v) {
    const __m256i first = _mm256_unpacklo_epi8(sums.low[v], sums.high[v]);
    const __m256i second = _mm256_unpackhi_epi8(sums.low[v], sums.high[v]);
    words[v][0] = _mm256_add_epi16(words[v][0], _mm256_maddubs_epi16(places, first));
    words[v][1] = _mm256_add_epi16(words[v][1], _mm256_maddubs_epi16(places, second));
  }
}

// A tile's rows, of which `live` exist, by one token.
template <bool kAsk>
inline void multiply_tile(const std::uint8_t* codes, const std::uint8_t* table, std::size_t units,
                          std::size_t live, std::int32_t* out) {
  constexpr std::size_t kLanes = 8;
  __m256i totals[4 * kRegisters];
#pragma GCC unroll 8
  for (__m256i& total : totals) total = _mm256_setzero_si256();
  while (units > 0) {
    const std::size_t n = units < kUnitsBeforeWidening ? units : kUnitsBeforeWidening;
    Words words;
#pragma GCC unroll 2
    for (auto& of_register : words) of_register[0] = of_register[1] = _mm256_setzero_si256();
    for (std::size_t u = 0; u < n; ++u) {
      add_unit<kAsk>(codes, table, words);
      codes += kSignedTripleUnitBytes;
      table += kSignedTriplesOfUnit * kTableBytes;
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 2 * kRegisters; ++i) {
      const __m256i w = words[i / 2][i % 2];
      const __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(w, 16), 16);
      totals[2 * i] = _mm256_add_epi32(totals[2 * i], even);
      totals[2 * i + 1] = _mm256_add_epi32(totals[2 * i + 1], _mm256_srai_epi32(w, 16));
    }
    units -= n;
  }
  for (std::size_t row = 0; row < live; row += kLanes) {
    store_live(out + row, totals[row / kLanes], live - row);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t units = signed_triple_units(weights.cols);
  for (std::size_t r = rows.begin; r < rows.end; r += kSignedTripleX64Rows) {
    const std::uint8_t* const codes = weights.data + r / kSignedTripleX64Rows * weights.tile_bytes;
    const std::size_t left = rows.end - r;
    const std::size_t live = left < kSignedTripleX64Rows ? left : kSignedTripleX64Rows;
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto multiply_one = t == 0 ? multiply_tile<true> : multiply_tile<false>;
      multiply_one(
          codes,
          static_cast<const std::uint8_t*>(table) + t * units * kSignedTriplesOfUnit * kTableBytes,
          units, live, out + t * out_stride + (r - rows.begin));
    }
  }
}

}  // namespace

extern const Kernel kernel_signed_triple_x64_avx2;
constinit const Kernel kernel_signed_triple_x64_avx2{
    .name = "avx2",
    .encoding = &encoding_signed_triple_x64,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
