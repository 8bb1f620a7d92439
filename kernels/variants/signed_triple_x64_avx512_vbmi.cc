// signed-triple-x64 by vpermb: a table of 32 bytes, of which the last 16 are the first ones'
// opposites, lies twice in a register, a lane of bytes is a row, 64 rows a register. So the sign is
// one more bit of the index, and what stands in the bits above it does not matter. Tables and
// ranges: signed_triple_tables.h.
#include "kernels/encodings/signed_triple_x64.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/signed_triple_tables.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kTableBytes = 64;  // of a triple: 32 of low, 32 of high

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * signed_triple_units(cols) * kSignedTriplesOfUnit * kTableBytes;
}

constexpr WeightsOfNumbers<32> kWeights;

inline void fill(const std::int8_t* q, std::uint8_t* table) {
  const __m512i three = broadcast_dword(q);
  const __m512i first = _mm512_shuffle_epi8(three, _mm512_set1_epi16(1 << 8));
  const __m512i last = _mm512_shuffle_epi8(three, _mm512_set1_epi16(2));
  // Σ (w + 1)·q, of which number 0, three times w = 0, is Σ q.
  const __m512i more =
      _mm512_add_epi16(_mm512_maddubs_epi16(_mm512_load_si512(kWeights.first), first),
                       _mm512_maddubs_epi16(_mm512_load_si512(kWeights.last), last));
  const __m512i t = _mm512_sub_epi16(more, _mm512_broadcastw_epi16(_mm512_castsi512_si128(more)));
  const __m512i high = _mm512_mulhrs_epi16(t, _mm512_set1_epi16(kInverseOfHigh));
  const __m512i low = _mm512_sub_epi16(t, _mm512_mullo_epi16(high, _mm512_set1_epi16(kHigh)));
  _mm256_store_si256(reinterpret_cast<__m256i*>(table), _mm512_cvtepi16_epi8(low));
  _mm256_store_si256(reinterpret_cast<__m256i*>(table + 32), _mm512_cvtepi16_epi8(high));
}

void build(const Activations& activations, GroupRange triples, void* table) noexcept {
  for_each_triple(activations, triples, [table](const std::int8_t* q, std::size_t triple) {
    fill(q, static_cast<std::uint8_t*>(table) + triple * kTableBytes);
  });
}

inline __m512i twice(const std::uint8_t* p) {
  return _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
}

// Bit 7 - kTriple of every byte becomes bit 4.
template <int kTriple>
inline __m512i sign_at_four(__m512i signs) {
  if constexpr (kTriple < 3) return _mm512_srli_epi16(signs, 3 - kTriple);
  if constexpr (kTriple > 3) return _mm512_slli_epi16(signs, kTriple - 3);
  return signs;
}

// Sums of bytes of 64 rows.
struct Bytes {
  __m512i low = _mm512_setzero_si512();
  __m512i high = _mm512_setzero_si512();

  template <int kTriple>
  void add(const std::uint8_t* tables, __m512i magnitude, __m512i signs) {
    const std::uint8_t* table = tables + kTriple * kTableBytes;
    // magnitude's low nibble, the rest of sign_at_four's.
    const __m512i index = _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), magnitude,
                                                    sign_at_four<kTriple>(signs), 0xCA);
    low = _mm512_add_epi8(low, _mm512_permutexvar_epi8(index, twice(table)));
    high = _mm512_add_epi8(high, _mm512_permutexvar_epi8(index, twice(table + 32)));
  }

  // Two triples whose magnitudes share bytes.
  template <int kTriple, Prefetch kAsk>
  void add_two(const std::uint8_t* tables, const std::uint8_t* codes, __m512i signs) {
    const std::uint8_t* line = codes + kTriple / 2 * kSignedTripleX64Rows;
    __m512i c = _mm512_loadu_si512(line);
    add<kTriple>(tables, c, signs);
    ask_ahead<kAsk>(line, c);
    add<kTriple + 1>(tables, _mm512_srli_epi16(c, 4), signs);
  }
};

template <Prefetch kAsk>
inline void add_unit(const std::uint8_t* codes, const std::uint8_t* tables, __m512i (&words)[2]) {
  const __m512i signs = _mm512_loadu_si512(codes + kSignedTripleSigns);
  Bytes sums;
  sums.add_two<0, kAsk>(tables, codes, signs);
  sums.add_two<2, kAsk>(tables, codes, signs);
  sums.add_two<4, kAsk>(tables, codes, signs);
  sums.add_two<6, kAsk>(tables, codes, signs);
  ask_ahead<kAsk>(codes + kSignedTripleSigns, sums.low);  // the unit's last line
  const __m512i places = _mm512_set1_epi16(kHigh << 8 | 1);
  const __m512i first = _mm512_unpacklo_epi8(sums.low, sums.high);
  const __m512i second = _mm512_unpackhi_epi8(sums.low, sums.high);
  words[0] = _mm512_add_epi16(words[0], _mm512_maddubs_epi16(places, first));
  words[1] = _mm512_add_epi16(words[1], _mm512_maddubs_epi16(places, second));
}

// A register of sums has eight rows of each half of the tile.
inline void store_rows(__m512i sums, std::size_t first, std::uint64_t live, std::int32_t* out) {
  const auto lower = static_cast<__mmask16>(live >> first & 0xFF);
  const auto upper = static_cast<__mmask16>(live >> (32 + first) << 8 & 0xFF00);
  // Lanes 8 .. 15 go to the rows from 32 on, and so begin 24 elements further.
  if (lower != 0) _mm512_mask_storeu_epi32(out + first, lower, sums);
  if (upper != 0) _mm512_mask_storeu_epi32(out + first + 24, upper, sums);
}

// A tile's rows, of which the bits of `live` exist, by one token.
template <Prefetch kAsk>
inline void multiply_tile(const std::uint8_t* codes, const std::uint8_t* tables, std::size_t units,
                          std::uint64_t live, std::int32_t* out) {
  __m512i totals[4];
#pragma GCC unroll 4
  for (__m512i& total : totals) total = _mm512_setzero_si512();
  while (units > 0) {
    const std::size_t n = units < kUnitsBeforeWidening ? units : kUnitsBeforeWidening;
    __m512i words[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (std::size_t u = 0; u < n; ++u) {
      add_unit<kAsk>(codes, tables, words);
      codes += kSignedTripleUnitBytes;
      tables += kSignedTriplesOfUnit * kTableBytes;
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m512i even = _mm512_srai_epi32(_mm512_slli_epi32(words[i], 16), 16);
      totals[2 * i] = _mm512_add_epi32(totals[2 * i], even);
      totals[2 * i + 1] = _mm512_add_epi32(totals[2 * i + 1], _mm512_srai_epi32(words[i], 16));
    }
    units -= n;
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) store_rows(totals[i], 8 * i, live, out);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t units = signed_triple_units(weights.cols);
  const auto first_token = with_prefetch(
      stream_prefetch(), [](auto ask) { return &multiply_tile<decltype(ask)::value>; });
  for (std::size_t r = rows.begin; r < rows.end; r += kSignedTripleX64Rows) {
    const std::uint8_t* const codes = weights.data + r / kSignedTripleX64Rows * weights.tile_bytes;
    const std::size_t left = rows.end - r;
    const std::uint64_t live =
        left < kSignedTripleX64Rows ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto multiply_one = t == 0 ? first_token : &multiply_tile<Prefetch::kNone>;
      multiply_one(
          codes,
          static_cast<const std::uint8_t*>(table) + t * units * kSignedTriplesOfUnit * kTableBytes,
          units, live, out + t * out_stride + (r - rows.begin));
    }
  }
}

}  // namespace

extern const Kernel kernel_signed_triple_x64_avx512_vbmi;
constinit const Kernel kernel_signed_triple_x64_avx512_vbmi{
    .name = "avx512-vbmi",
    .encoding = &encoding_signed_triple_x64,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
