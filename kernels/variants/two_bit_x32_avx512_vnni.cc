// two-bit-x32 by vpdpbusd.
#include "kernels/variants/two_bit_x32_avx512_vnni.h"

namespace ryz {
namespace {

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  multiply_by_vnni(weights, activations, 0, rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx512_vnni;
constinit const Kernel kernel_two_bit_x32_avx512_vnni{
    .name = "avx512-vnni",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
