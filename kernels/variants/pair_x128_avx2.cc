// pair-x128 by vpshufb: a table of 16 bytes lies in both lanes of a register, a lane of bytes is a
// row, 32 rows a register.
//
// Tables. T + 256 = 32·high + low, a byte each: low in 0..31, high in 0..16. Sums of eight lookups
// are at most 8·31 = 248 and 8·16 = 128, so both fit a byte; vpmaddubsw puts them together again.
//
// Ranges. Its words are at most 248 + 32·128 = 4344, the sums of eight T + 256. Int16 sums of a
// block wrap around freely: they begin at -256 a lookup, so what is left at its end is Σ T, at most
// 120·256 = 30720 in magnitude.
#include "kernels/encodings/pair.h"
#include "kernels/encodings/pair_x128.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd256.h"

namespace ryz {
namespace {

constexpr int kBias = 256;
constexpr std::size_t kStep = 4;         // groups, of two lookups, between widenings to int16
constexpr std::size_t kBlock = 60;       // groups between widenings to int32
constexpr std::size_t kTableBytes = 64;  // of a group: low and high of the one, of the other pair
constexpr std::size_t kRegisters = kPairX128Rows / 32;
static_assert(2 * kBlock * kBias <= 32767 && 2 * kStep * 31 <= 255 && kBlock % kStep == 0);

std::size_t groups_of(std::size_t cols) {
  return (cols + kPairX128GroupCols - 1) / kPairX128GroupCols;
}

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kTableBytes;
}

// Entries 0..8 of a pair's table; those past them are never looked up.
inline void build_pair(const std::int8_t* q, std::uint8_t* table) {
  const __m256i w0 = _mm256_setr_epi16(-1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0);
  const __m256i w1 = _mm256_setr_epi16(-1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0);
  const __m256i sums = _mm256_add_epi16(_mm256_mullo_epi16(w0, _mm256_set1_epi16(q[0])),
                                        _mm256_mullo_epi16(w1, _mm256_set1_epi16(q[1])));
  const __m256i t = _mm256_add_epi16(sums, _mm256_set1_epi16(kBias));
  const __m256i low = _mm256_and_si256(t, _mm256_set1_epi16(31));
  const __m256i bytes = _mm256_packus_epi16(low, _mm256_srli_epi16(t, 5));
  _mm256_store_si256(reinterpret_cast<__m256i*>(table), _mm256_permute4x64_epi64(bytes, 0xD8));
}

// Activations are readable, and zero, to the end of the last group.
void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  const std::size_t all = groups_of(activations.cols);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    for (std::size_t g = groups.begin; g < groups.end; ++g) {
      std::uint8_t* to = static_cast<std::uint8_t*>(table) + (t * all + g) * kTableBytes;
      build_pair(q + g * kPairX128GroupCols, to);
      build_pair(q + g * kPairX128GroupCols + kPairCols, to + kTableBytes / 2);
    }
  }
}

inline __m256i both_lanes(const std::uint8_t* p) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}

// sums[v][half]: words of the 32 rows of register v.
using WordSums = __m256i[kRegisters][2];

template <bool kAsk>
inline void add_step(const std::uint8_t* codes, const std::uint8_t* tables, std::size_t n,
                     WordSums& sums) {
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i low[kRegisters];
  __m256i high[kRegisters];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kRegisters; ++v) low[v] = high[v] = _mm256_setzero_si256();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t* entries = tables + i * kTableBytes;
    const __m256i low0 = both_lanes(entries);
    const __m256i high0 = both_lanes(entries + 16);
    const __m256i low1 = both_lanes(entries + 32);
    const __m256i high1 = both_lanes(entries + 48);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kRegisters; ++v) {
      const std::uint8_t* group = codes + i * kPairX128GroupBytes;
      __m256i c = load32(group + 32 * v);
      if (kAsk && v % 2 == 0) ask_ahead(group + 32 * v, c);
      const __m256i c0 = _mm256_and_si256(c, nibble);
      const __m256i c1 = _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble);
      low[v] = _mm256_add_epi8(low[v], _mm256_shuffle_epi8(low0, c0));
      high[v] = _mm256_add_epi8(high[v], _mm256_shuffle_epi8(high0, c0));
      low[v] = _mm256_add_epi8(low[v], _mm256_shuffle_epi8(low1, c1));
      high[v] = _mm256_add_epi8(high[v], _mm256_shuffle_epi8(high1, c1));
      // Or g++ 12 keeps the sums in memory.
      asm("" : "+x"(low[v]), "+x"(high[v]));
    }
  }
  const __m256i places = _mm256_set1_epi16(32 << 8 | 1);
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kRegisters; ++v) {
    const __m256i first = _mm256_unpacklo_epi8(low[v], high[v]);
    const __m256i second = _mm256_unpackhi_epi8(low[v], high[v]);
    sums[v][0] = _mm256_add_epi16(sums[v][0], _mm256_maddubs_epi16(first, places));
    sums[v][1] = _mm256_add_epi16(sums[v][1], _mm256_maddubs_epi16(second, places));
  }
}

// out = or += 8 sums, of which `live` exist.
inline void put(__m256i sums, bool first, std::size_t live, std::int32_t* out) {
  if (live == 0) return;
  if (!first) sums = _mm256_add_epi32(sums, load_live(out, live));
  store_live(out, sums, live);
}

template <bool kAsk>
inline void multiply_block(const std::uint8_t* codes, const std::uint8_t* tables,
                           std::size_t groups, bool first, std::size_t live, std::int32_t* out) {
  WordSums sums;
  for (auto& of_register : sums) {
    of_register[0] = of_register[1] =
        _mm256_set1_epi16(static_cast<short>(-2 * kBias * static_cast<int>(groups)));
  }
  std::size_t left = groups;
  for (; left >= kStep; left -= kStep) {
    add_step<kAsk>(codes, tables, kStep, sums);
    codes += kStep * kPairX128GroupBytes;
    tables += kStep * kTableBytes;
  }
  if (left != 0) add_step<kAsk>(codes, tables, left, sums);
  for (std::size_t i = 0; i < 2 * kRegisters; ++i) {
    const __m256i words = sums[i / 2][i % 2];
    const std::size_t row = 16 * i;
    const std::size_t rest = live > row ? live - row : 0;
    put(_mm256_srai_epi32(_mm256_slli_epi32(words, 16), 16), first, rest, out + row);
    put(_mm256_srai_epi32(words, 16), first, rest > 8 ? rest - 8 : 0, out + row + 8);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = groups_of(weights.cols);
  for (std::size_t r = rows.begin; r < rows.end; r += kPairX128Rows) {
    const std::uint8_t* const tile = weights.data + r / kPairX128Rows * weights.tile_bytes;
    const std::size_t live = rows.end - r < kPairX128Rows ? rows.end - r : kPairX128Rows;
    for (std::size_t g = 0; g < groups; g += kBlock) {
      const std::size_t n = groups - g < kBlock ? groups - g : kBlock;
      // Later tokens find the codes in the L1 cache.
      for (std::size_t t = 0; t < activations.tokens; ++t) {
        const auto multiply_one = t == 0 ? multiply_block<true> : multiply_block<false>;
        multiply_one(tile + g * kPairX128GroupBytes,
                     static_cast<const std::uint8_t*>(table) + (t * groups + g) * kTableBytes, n,
                     g == 0, live, out + t * out_stride + (r - rows.begin));
      }
    }
  }
}

}  // namespace

extern const Kernel kernel_pair_x128_avx2;
constinit const Kernel kernel_pair_x128_avx2{
    .name = "avx2",
    .encoding = &encoding_pair_x128,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
