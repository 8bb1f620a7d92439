// `quad` on AVX2: eight lookups of a row by one vpgatherdd.
#include "kernels/encodings/quad.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx2.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kQuadBlock;
  static constexpr std::size_t kBlockEntries = kQuadBlock * kQuadTableStride;
  static constexpr std::size_t kStageBlocks = 6;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    const __m256i lanes = lanes_times(kQuadTableStride);
    add_entries(table, _mm256_add_epi32(bytes_to_dwords(codes), lanes), 1, sum);
    add_entries(table + 8 * kQuadTableStride, _mm256_add_epi32(bytes_to_dwords(codes + 8), lanes),
                1, sum);
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * quad_padded_groups(cols) * kQuadTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(QuadTable::kStride == kQuadTableStride && QuadTable::kCols == kQuadCols);
  build_activation_tables<QuadTable>(activations, groups, quad_padded_groups(activations.cols),
                                     static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_quad_avx2;
constinit const Kernel kernel_quad_avx2{
    .name = "avx2",
    .encoding = &encoding_quad,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
