// two-bit-x32 by vpmaddubsw.
#include "kernels/variants/two_bit_x32_avx2.h"

namespace ryz {
namespace {

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  multiply_by_maddubs(weights, activations, 0, rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx2;
constinit const Kernel kernel_two_bit_x32_avx2{
    .name = "avx2",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
