// quad-x256 on plain x86-64.
#include "kernels/encodings/quad.h"
#include "kernels/encodings/quad_x256.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"

namespace ryz {
namespace {

std::size_t groups_of(std::size_t cols) { return (cols + kQuadCols - 1) / kQuadCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kQuadTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(QuadTable::kStride == kQuadTableStride && QuadTable::kCols == kQuadCols);
  build_activation_tables<QuadTable>(activations, groups, groups_of(activations.cols),
                                     static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = groups_of(weights.cols);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const auto code = [&](std::size_t g) {
      const std::size_t tile = r / kX256Rows;
      return x256_codes<kQuadX256BlockGroups>(weights, tile, g)[x256_place(r % kX256Rows)];
    };
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const auto* entries = static_cast<const std::int16_t*>(table) + t * groups * kQuadTableStride;
      std::int32_t sum = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        sum += entries[g * kQuadTableStride + code(g)];
      }
      out[t * out_stride + (r - rows.begin)] = sum;
    }
  }
}

}  // namespace

extern const Kernel kernel_quad_x256_scalar;
constinit const Kernel kernel_quad_x256_scalar{
    .name = "scalar",
    .encoding = &encoding_quad_x256,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
