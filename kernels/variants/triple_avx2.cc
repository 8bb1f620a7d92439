// `triple` on AVX2: eight lookups of a row by one vpgatherdd.
#include "kernels/encodings/triple.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx2.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kTripleBlockWords * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kTripleBlock * kTripleTableStride;
  static constexpr std::size_t kStageBlocks = 8;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    constexpr int kWordEntries = kTripleCodesPerWord * kTripleTableStride;
    const __m256i lanes = lanes_times(kWordEntries);
    const __m256i code = _mm256_set1_epi32(31);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const std::int16_t* t = table + 8 * half * kWordEntries;
      const __m256i words = words_to_dwords(codes + 16 * half);
      const __m256i second = _mm256_and_si256(_mm256_srli_epi32(words, 5), code);
      add_entries(t, _mm256_add_epi32(_mm256_and_si256(words, code), lanes), 1, sum);
      add_entries(t + kTripleTableStride, _mm256_add_epi32(second, lanes), 1, sum);
      add_entries(t + 2 * kTripleTableStride, _mm256_add_epi32(_mm256_srli_epi32(words, 10), lanes),
                  1, sum);
    }
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * triple_padded_groups(cols) * kTripleTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(TripleTable::kStride == kTripleTableStride && TripleTable::kCols == kTripleCols);
  build_activation_tables<TripleTable>(activations, groups, triple_padded_groups(activations.cols),
                                       static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_triple_avx2;
constinit const Kernel kernel_triple_avx2{
    .name = "avx2",
    .encoding = &encoding_triple,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
