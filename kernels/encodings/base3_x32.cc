#include "kernels/encodings/base3_x32.h"

namespace ryz {
namespace {

static_assert(base3_digit(121, 4) == 1 && base3_digit(64 + 40, 0) == 1);

std::size_t groups_of(std::size_t cols) {
  return (cols + kBase3X32GroupCols - 1) / kBase3X32GroupCols;
}

std::size_t tile_bytes(std::size_t cols) { return groups_of(cols) * kBase3X32GroupBytes; }

std::uint8_t byte_of(const unsigned (&x)[kBase3Digits]) {
  const unsigned code = x[0] + 3 * x[1] + 9 * x[2] + 27 * x[3];
  const unsigned byte =
      code < 64 ? 64 * x[4] + code : kBase3Overflow + kBase3OverflowStep * x[4] + (code - 64);
  return static_cast<std::uint8_t>(byte);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  for (std::size_t g = 0; g < groups_of(cols); ++g) {
    for (std::size_t r = 0; r < kBase3X32Rows; ++r) {
      for (std::size_t b = 0; b < 4; ++b) {
        unsigned x[kBase3Digits];
        for (std::size_t f = 0; f < kBase3Digits; ++f) {
          const std::size_t k = g * kBase3X32GroupCols + 4 * f + b;
          x[f] = r < rows && k < cols ? static_cast<unsigned>(trits[r * stride + k] + 1) : 1;
        }
        out[g * kBase3X32GroupBytes + 4 * r + b] = byte_of(x);
      }
    }
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < cols; ++k) {
      const std::size_t group = k / kBase3X32GroupCols;
      const unsigned byte = packed[group * kBase3X32GroupBytes + 4 * r + k % 4];
      const auto digit = static_cast<unsigned>(k % kBase3X32GroupCols / 4);
      trits[r * stride + k] =
          static_cast<std::int8_t>(static_cast<int>(base3_digit(byte, digit)) - 1);
    }
  }
}

}  // namespace

constinit const Encoding encoding_base3_x32{
    .name = "base3-x32",
    .summary = "five weights a byte, 32 rows interleaved; decoded in registers, no table",
    .bits_per_weight = 1.6,
    .row_tile = kBase3X32Rows,
    .group_cols = 1,
    .table_kind = TableKind::kNone,
    .output_scale = OutputScale::kNormal,
    .exact = true,
    .known_wrong = nullptr,
    .tile_bytes = tile_bytes,
    .pack_tile = pack_tile,
    .unpack_tile = unpack_tile,
    .shared_table_bytes = 0,
    .prepare = nullptr,
    .activation_table_bytes = nullptr,
};

}  // namespace ryz
