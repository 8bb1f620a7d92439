// triple-x64 by vpermw: a table is a register, a lane is a row, 32 rows a register of words.
//
// Ranges. |T| ≤ 384 and a unit adds three entries to an int16 lane: 28 units reach 32256.
#include "kernels/encodings/triple.h"
#include "kernels/encodings/triple_x64.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kUnitEntries = kTripleCodesPerWord * kTripleTableStride;
constexpr std::size_t kUnitsBeforeWidening = 28;
static_assert(kUnitsBeforeWidening * 3 * 384 <= 32767);

std::size_t units_of(std::size_t cols) { return (cols + kTripleWordCols - 1) / kTripleWordCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * units_of(cols) * kUnitEntries * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(TripleTable::kStride == kTripleTableStride && TripleTable::kCols == kTripleCols);
  build_activation_tables<TripleTable>(activations, groups,
                                       units_of(activations.cols) * kTripleCodesPerWord,
                                       static_cast<std::int16_t*>(table));
}

// Sums of 32 rows: the rows of even number, and those of odd number.
struct Sums {
  __m512i even = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();
  void add(__m512i words) {
    even = _mm512_add_epi32(even, _mm512_srai_epi32(_mm512_slli_epi32(words, 16), 16));
    odd = _mm512_add_epi32(odd, _mm512_srai_epi32(words, 16));
  }
};

// kAhead: bytes that a stream asks ahead.
template <Prefetch kAsk, std::size_t kAhead>
inline __m512i add_unit(__m512i sum, const std::uint8_t* codes, const __m512i (&tables)[3]) {
  __m512i words = _mm512_loadu_si512(codes);
  ask_for<kAsk>(line_ahead(codes, kAhead), words);
  sum = _mm512_add_epi16(sum, _mm512_permutexvar_epi16(words, tables[0]));
  sum = _mm512_add_epi16(sum, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 5), tables[1]));
  return _mm512_add_epi16(sum, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 10), tables[2]));
}

inline void store_rows(const Sums& sums, std::uint32_t live, std::int32_t* out) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(live),
                           _mm512_permutex2var_epi32(sums.even, low, sums.odd));
  if ((live >> 16) == 0) return;
  _mm512_mask_storeu_epi32(out + 16, static_cast<__mmask16>(live >> 16),
                           _mm512_permutex2var_epi32(sums.even, high, sums.odd));
}

// kTiles tiles of rows, of which the last has the `live` rows: together because a unit's tables
// take more bytes than its codes of one tile, and do not stay in the L1 cache.
template <int kTiles, Prefetch kAsk>
inline void multiply_tiles(const PackedView& weights, std::size_t first, std::size_t units,
                           const std::int16_t* table, std::uint64_t live, std::int32_t* out) {
  constexpr int kRegisters = 2 * kTiles;
  // A stream a tile: kFarAhead of each would not stay in the L1 cache beside the tables.
  constexpr std::size_t kAhead = kAsk == Prefetch::kIntoL1 ? kFarAhead / kTiles : kFarAhead;
  const std::uint8_t* codes = weights.data + first / kTripleX64Rows * weights.tile_bytes;
  Sums sums[kRegisters];
  for (std::size_t done = 0; done < units; done += kUnitsBeforeWidening) {
    const std::size_t left = units - done;
    const std::size_t n = left < kUnitsBeforeWidening ? left : kUnitsBeforeWidening;
    __m512i words[kRegisters];
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i) words[i] = _mm512_setzero_si512();
    for (std::size_t u = 0; u < n; ++u) {
      const __m512i tables[3] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 32),
                                 _mm512_loadu_si512(table + 64)};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRegisters; ++i) {
        const std::uint8_t* c = codes + i / 2 * weights.tile_bytes + i % 2 * 64;
        words[i] = add_unit<kAsk, kAhead>(words[i], c, tables);
      }
      codes += kTripleX64UnitBytes;
      table += kUnitEntries;
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i) sums[i].add(words[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters; ++i) {
    const std::uint64_t rows = i / 2 + 1 < kTiles ? ~std::uint64_t{0} : live;
    const auto half = static_cast<std::uint32_t>(rows >> (32 * (i % 2)));
    if (half != 0) store_rows(sums[i], half, out + 32 * i);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  constexpr std::size_t kTogether = 4;
  const std::size_t units = units_of(weights.cols);
  const Prefetch prefetch = stream_prefetch();
  for (std::size_t first = rows.begin; first < rows.end;) {
    const std::size_t left = rows.end - first;
    const bool together = left >= kTogether * kTripleX64Rows;
    const std::uint64_t live =
        left < kTripleX64Rows ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto* entries = static_cast<const std::int16_t*>(table) + t * units * kUnitEntries;
      std::int32_t* y = out + t * out_stride + (first - rows.begin);
      if (!together) {
        multiply_tiles<1, Prefetch::kNone>(weights, first, units, entries, live, y);
        continue;
      }
      with_prefetch(prefetch, [&](auto ask) {
        multiply_tiles<kTogether, decltype(ask)::value>(weights, first, units, entries, live, y);
      });
    }
    first += (together ? kTogether : 1) * kTripleX64Rows;
  }
}

}  // namespace

extern const Kernel kernel_triple_x64_avx512_bw;
constinit const Kernel kernel_triple_x64_avx512_bw{
    .name = "avx512-bw",
    .encoding = &encoding_triple_x64,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
