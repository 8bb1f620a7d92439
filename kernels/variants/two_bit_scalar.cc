// two-bit on plain x86-64. The file to copy when adding a kernel: one encoding, one instruction
// set, one Kernel object; the ISA it needs is what its flags in kernels/CMakeLists.txt let the
// compiler emit.
#include "kernels/encodings/two_bit.h"
#include "kernels/kernel.h"

namespace ryz {
namespace {

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t blocks = weights.tile_bytes / kTwoBitBlockBytes;
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      const std::uint8_t* codes = weights.data + r * weights.tile_bytes;
      const std::int8_t* q = activations.q + t * activations.stride;
      std::int32_t sum = 0;
      for (std::size_t b = 0; b < blocks; ++b) {
        for (std::size_t j = 0; j < kTwoBitBlockBytes; ++j) {
          const int byte = codes[j];
          sum += (byte & 3) * q[j] + (byte >> 2 & 3) * q[j + 64] + (byte >> 4 & 3) * q[j + 128] +
                 (byte >> 6) * q[j + 192];
        }
        codes += kTwoBitBlockBytes;
        q += kTwoBitBlockCols;
      }
      out[t * out_stride + (r - rows.begin)] = sum - activations.sums[t];
    }
  }
}

}  // namespace

extern const Kernel kernel_two_bit_scalar;
constinit const Kernel kernel_two_bit_scalar{
    .name = "scalar",
    .encoding = &encoding_two_bit,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
