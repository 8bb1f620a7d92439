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

inline __m512i add_unit(__m512i sum, __m512i words, const __m512i (&tables)[3]) {
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

inline void multiply_tile(const std::uint8_t* codes, std::size_t units, const std::int16_t* table,
                          std::uint64_t live, std::int32_t* out) {
  Sums sums[2];
  for (std::size_t first = 0; first < units; first += kUnitsBeforeWidening) {
    const std::size_t left = units - first;
    const std::size_t n = left < kUnitsBeforeWidening ? left : kUnitsBeforeWidening;
    __m512i words[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (std::size_t u = 0; u < n; ++u) {
      prefetch_stream(codes);
      prefetch_stream(codes + 64);
      const __m512i tables[3] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 32),
                                 _mm512_loadu_si512(table + 64)};
      words[0] = add_unit(words[0], _mm512_loadu_si512(codes), tables);
      words[1] = add_unit(words[1], _mm512_loadu_si512(codes + 64), tables);
      codes += kTripleX64UnitBytes;
      table += kUnitEntries;
    }
    sums[0].add(words[0]);
    sums[1].add(words[1]);
  }
  store_rows(sums[0], static_cast<std::uint32_t>(live), out);
  if ((live >> 32) != 0) store_rows(sums[1], static_cast<std::uint32_t>(live >> 32), out + 32);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t units = units_of(weights.cols);
  for (std::size_t first = rows.begin; first < rows.end; first += kTripleX64Rows) {
    const std::size_t left = rows.end - first;
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      multiply_tile(weights.data + first / kTripleX64Rows * weights.tile_bytes, units,
                    static_cast<const std::int16_t*>(table) + t * units * kUnitEntries,
                    left < kTripleX64Rows ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0},
                    out + t * out_stride + (first - rows.begin));
    }
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
