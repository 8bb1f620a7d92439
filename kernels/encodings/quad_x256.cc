#include "kernels/encodings/quad_x256.h"

#include <cstring>

#include "kernels/encodings/quad.h"
#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t groups_of(std::size_t cols) { return (cols + kQuadCols - 1) / kQuadCols; }

std::size_t tile_bytes(std::size_t cols) { return groups_of(cols) * kX256GroupBytes; }

std::size_t activation_table_bytes(std::size_t cols) {
  return groups_of(cols) * kQuadTableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  // Multiplying by these bytes leaves Σ x_i·3^i ≤ 80 in byte 3; no byte reaches 256.
  constexpr std::uint32_t kPowers = 27 | 9 << 8 | 3 << 16 | 1 << 24;
  if (rows < kX256Rows) std::memset(out, kQuadZero, tile_bytes(cols));
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint8_t* const bytes = out + x256_place(r);
    pack_units<kQuadCols>(trits + r * stride, cols, [bytes](const std::int8_t* w, std::size_t g) {
      bytes[g * kX256GroupBytes] =
          static_cast<std::uint8_t>(plus_one(load_word<std::uint32_t>(w)) * kPowers >> 24);
    });
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::uint8_t* const bytes = packed + x256_place(r);
    for (std::size_t k = 0; k < cols; ++k) {
      trits[r * stride + k] =
          static_cast<std::int8_t>(trit_of(bytes[k / kQuadCols * kX256GroupBytes], k % kQuadCols));
    }
  }
}

}  // namespace

constinit const Encoding encoding_quad_x256{
    .name = "quad-x256",
    .summary = "four weights a byte, 256 rows interleaved; 81 sums of four activations",
    .bits_per_weight = 2.0,
    .row_tile = kX256Rows,
    .group_cols = kQuadCols,
    .table_kind = TableKind::kActivations,
    .output_scale = OutputScale::kNormal,
    .exact = true,
    .known_wrong = nullptr,
    .tile_bytes = tile_bytes,
    .pack_tile = pack_tile,
    .unpack_tile = unpack_tile,
    .shared_table_bytes = 0,
    .prepare = nullptr,
    .activation_table_bytes = activation_table_bytes,
    .block_bytes = kQuadX256BlockGroups * kX256GroupBytes,
};

}  // namespace ryz
