// `triple` on plain x86-64.
#include "kernels/encodings/triple.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_scalar.h"

namespace ryz {
namespace {

struct Lookups : ScalarSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kTripleBlockWords * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kTripleBlock * kTripleTableStride;
  static constexpr std::size_t kStageBlocks = 8;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    for (std::size_t u = 0; u < kTripleBlockWords; ++u) {
      const std::uint32_t word = load_code16(codes + 2 * u);
      const std::int16_t* t = table + u * kTripleCodesPerWord * kTripleTableStride;
      sum += t[word & 31] + t[kTripleTableStride + (word >> 5 & 31)] +
             t[2 * kTripleTableStride + (word >> 10)];
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

extern const Kernel kernel_triple_scalar;
constinit const Kernel kernel_triple_scalar{
    .name = "scalar",
    .encoding = &encoding_triple,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
