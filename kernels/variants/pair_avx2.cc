// `pair` on AVX2: eight lookups of a row by one vpgatherdd.
#include "kernels/encodings/pair.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx2.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kPairBlockBytes;
  static constexpr std::size_t kBlockEntries = kPairBlock * kPairTableStride;
  static constexpr std::size_t kStageBlocks = 48;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    const __m256i lanes = lanes_times(kPairTableStride);
    const __m256i shifts = lanes_times(4);
    const __m256i nibble = _mm256_set1_epi32(15);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      std::int32_t eight;
      __builtin_memcpy(&eight, codes + 4 * half, sizeof eight);
      const __m256i code =
          _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(eight), shifts), nibble);
      add_entries(table + 8 * half * static_cast<int>(kPairTableStride),
                  _mm256_add_epi32(code, lanes), 1, sum);
    }
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * pair_padded_groups(cols) * kPairTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(PairTable::kStride == kPairTableStride && PairTable::kCols == kPairCols);
  build_activation_tables<PairTable>(activations, groups, pair_padded_groups(activations.cols),
                                     static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_pair_avx2;
constinit const Kernel kernel_pair_avx2{
    .name = "avx2",
    .encoding = &encoding_pair,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
