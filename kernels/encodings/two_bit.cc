#include "kernels/encodings/two_bit.h"

#include "kernels/ternary.h"

namespace ryz {
namespace {

static_assert(kTwoBitBlockCols == kActivationBlock, "a block's activations are always readable");

std::size_t tile_bytes(std::size_t cols) {
  return (cols + kTwoBitBlockCols - 1) / kTwoBitBlockCols * kTwoBitBlockBytes;
}

void pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
               std::size_t cols, std::uint8_t* out) {
  const std::size_t blocks = tile_bytes(cols) / kTwoBitBlockBytes;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::int8_t* w = trits + b * kTwoBitBlockCols;
    for (std::size_t j = 0; j < kTwoBitBlockBytes; ++j) {
      out[b * kTwoBitBlockBytes + j] = static_cast<std::uint8_t>(
          (w[j] + 1) | (w[j + 64] + 1) << 2 | (w[j + 128] + 1) << 4 | (w[j + 192] + 1) << 6);
    }
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t /*rows*/, std::size_t cols,
                 std::int8_t* trits, std::size_t /*stride*/) {
  for (std::size_t k = 0; k < cols; ++k) {
    const std::size_t in_block = k % kTwoBitBlockCols;
    const std::uint8_t byte = packed[k / kTwoBitBlockCols * kTwoBitBlockBytes + in_block % 64];
    trits[k] = static_cast<std::int8_t>((byte >> (2 * (in_block / 64)) & 3) - 1);
  }
}

}  // namespace

constinit const Encoding encoding_two_bit{
    .name = "two-bit",
    .summary = "w+1 in two bits, row-major; multiply-add, no table",
    .bits_per_weight = 2.0,
    .row_tile = 1,
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
