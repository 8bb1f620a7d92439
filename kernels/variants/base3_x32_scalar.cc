// base3-x32 on plain x86-64: digits of a byte from a table.
#include "kernels/encodings/base3_x32.h"
#include "kernels/kernel.h"

namespace ryz {
namespace {

struct Digits {
  std::uint8_t of[256][8] = {};
  constexpr Digits() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      for (unsigned f = 0; f < kBase3Digits; ++f) {
        of[byte][f] = static_cast<std::uint8_t>(base3_digit(byte, f));
      }
    }
  }
};

constexpr Digits kDigits;

void add_group(const std::uint8_t* codes, const std::int8_t* q,
               std::int32_t (&sums)[kBase3X32Rows]) {
  for (std::size_t r = 0; r < kBase3X32Rows; ++r) {
    for (std::size_t b = 0; b < 4; ++b) {
      const std::uint8_t* x = kDigits.of[codes[4 * r + b]];
      for (std::size_t f = 0; f < kBase3Digits; ++f) sums[r] += x[f] * q[4 * f + b];
    }
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t whole = weights.tile_bytes / kBase3X32GroupBytes - 1;
  for (std::size_t first = rows.begin; first < rows.end; first += kBase3X32Rows) {
    const std::uint8_t* tile = weights.data + first / kBase3X32Rows * weights.tile_bytes;
    const std::size_t left = rows.end - first;
    const std::size_t live = left < kBase3X32Rows ? left : kBase3X32Rows;
    for (std::size_t t = 0; t < activations.tokens; ++t) {
      const std::int8_t* q = activations.q + t * activations.stride;
      std::int32_t sums[kBase3X32Rows] = {};
      for (std::size_t g = 0; g < whole; ++g) {
        add_group(tile + g * kBase3X32GroupBytes, q + g * kBase3X32GroupCols, sums);
      }
      const Base3Columns last = base3_last_columns(q, whole * kBase3X32GroupCols, activations.cols);
      add_group(tile + whole * kBase3X32GroupBytes, last.q, sums);
      std::int32_t* y = out + t * out_stride + (first - rows.begin);
      for (std::size_t r = 0; r < live; ++r) y[r] = sums[r] - activations.sums[t];
    }
  }
}

}  // namespace

extern const Kernel kernel_base3_x32_scalar;
constinit const Kernel kernel_base3_x32_scalar{
    .name = "scalar",
    .encoding = &encoding_base3_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
