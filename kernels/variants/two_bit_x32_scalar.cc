// two-bit-x32 on plain x86-64.
#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"

namespace ryz {
namespace {

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = weights.tile_bytes / kTwoBitX32GroupBytes;
  for (std::size_t first = rows.begin; first < rows.end; first += kTwoBitX32Rows) {
    const std::uint8_t* tile = weights.data + first / kTwoBitX32Rows * weights.tile_bytes;
    const std::size_t left = rows.end - first;
    const std::size_t live = left < kTwoBitX32Rows ? left : kTwoBitX32Rows;
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const std::int8_t* q = activations.q + t * activations.stride;
      std::int32_t sums[kTwoBitX32Rows] = {};
      for (std::size_t g = 0; g < groups; ++g) {
        const std::uint8_t* codes = tile + g * kTwoBitX32GroupBytes;
        const std::int8_t* a = q + g * kTwoBitX32GroupCols;
        for (std::size_t r = 0; r < kTwoBitX32Rows; ++r) {
          std::int32_t sum = 0;
          for (std::size_t b = 0; b < 4; ++b) {
            const int byte = codes[4 * r + b];
            sum += (byte & 3) * a[b] + (byte >> 2 & 3) * a[4 + b] + (byte >> 4 & 3) * a[8 + b] +
                   (byte >> 6) * a[12 + b];
          }
          sums[r] += sum;
        }
      }
      std::int32_t* y = out + t * out_stride + (first - rows.begin);
      for (std::size_t r = 0; r < live; ++r) y[r] = sums[r] - activations.sums[t];
    }
  }
}

}  // namespace

extern const Kernel kernel_two_bit_x32_scalar;
constinit const Kernel kernel_two_bit_x32_scalar{
    .name = "scalar",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
