// `quint` on AVX-512: sixteen lookups of a row by one vpgatherdd.
#include "kernels/encodings/quint.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx512.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kQuintBlock;
  static constexpr std::size_t kBlockEntries = kQuintBlock * kQuintTableStride;
  static constexpr std::size_t kStageBlocks = 3;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    const __m512i lanes = lanes_times(kQuintTableStride);
    add_entries(table, _mm512_add_epi32(bytes_to_dwords(codes), lanes), 1, sum);
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * quint_padded_groups(cols) * kQuintTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(QuintTable::kStride == kQuintTableStride && QuintTable::kCols == kQuintCols);
  build_activation_tables<QuintTable>(activations, groups, quint_padded_groups(activations.cols),
                                      static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_quint_avx512_gather;
constinit const Kernel kernel_quint_avx512_gather{
    .name = "avx512-gather",
    .encoding = &encoding_quint,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
