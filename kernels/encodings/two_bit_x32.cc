#include "kernels/encodings/two_bit_x32.h"

#include "kernels/encodings/trits.h"
#include "kernels/ternary.h"

namespace ryz {
namespace {

static_assert(kActivationBlock % kTwoBitX32GroupCols == 0, "a group's activations are readable");

constexpr std::uint32_t kAllZero = 0x55555555u;  // 16 fields of w + 1 = 1

std::size_t groups_of(std::size_t cols) {
  return (cols + kTwoBitX32GroupCols - 1) / kTwoBitX32GroupCols;
}

std::size_t tile_bytes(std::size_t cols) { return groups_of(cols) * kTwoBitX32GroupBytes; }

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  // Groups in the outer loop: what is written together lies together.
  for (std::size_t g = 0; g < groups_of(cols); ++g) {
    for (std::size_t r = 0; r < kTwoBitX32Rows; ++r) {
      std::uint32_t dword = kAllZero;
      if (r < rows) {
        const std::int8_t* four = trits + r * stride + g * kTwoBitX32GroupCols;
        dword = plus_one(load_word<std::uint32_t>(four)) |
                plus_one(load_word<std::uint32_t>(four + 4)) << 2 |
                plus_one(load_word<std::uint32_t>(four + 8)) << 4 |
                plus_one(load_word<std::uint32_t>(four + 12)) << 6;
      }
      std::memcpy(out + g * kTwoBitX32GroupBytes + 4 * r, &dword, sizeof dword);
    }
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < cols; ++k) {
      const std::size_t field = k % kTwoBitX32GroupCols / 4;
      const std::uint8_t byte =
          packed[k / kTwoBitX32GroupCols * kTwoBitX32GroupBytes + 4 * r + k % 4];
      trits[r * stride + k] = static_cast<std::int8_t>((byte >> (2 * field) & 3) - 1);
    }
  }
}

}  // namespace

constinit const Encoding encoding_two_bit_x32{
    .name = "two-bit-x32",
    .summary = "w+1 in two bits, 32 rows interleaved; multiply-add, no table",
    .bits_per_weight = 2.0,
    .row_tile = kTwoBitX32Rows,
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
