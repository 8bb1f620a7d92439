#include "kernels/encodings/quint_x256.h"

#include <cstring>

#include "kernels/encodings/quint.h"
#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t groups_of(std::size_t cols) { return (cols + kQuintCols - 1) / kQuintCols; }

std::size_t tile_bytes(std::size_t cols) { return groups_of(cols) * kX256GroupBytes; }

std::size_t activation_table_bytes(std::size_t cols) {
  return groups_of(cols) * kQuintX256TableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  if (rows < kX256Rows) std::memset(out, 0, tile_bytes(cols));
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint8_t* const bytes = out + x256_place(r);
    pack_units<kQuintCols>(trits + r * stride, cols, [bytes](const std::int8_t* w, std::size_t g) {
      const int v = static_cast<int>(code_of_five(w)) - kQuintZero;
      bytes[g * kX256GroupBytes] = static_cast<std::uint8_t>(v < 0 ? 128 - v : v);
    });
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::uint8_t* const bytes = packed + x256_place(r);
    for (std::size_t k = 0; k < cols; ++k) {
      const int v = quint_x256_value(bytes[k / kQuintCols * kX256GroupBytes]);
      trits[r * stride + k] =
          static_cast<std::int8_t>(trit_of(static_cast<unsigned>(v + kQuintZero), k % kQuintCols));
    }
  }
}

}  // namespace

constinit const Encoding encoding_quint_x256{
    .name = "quint-x256",
    .summary = "five weights a byte, 256 rows interleaved; 122 sums of five activations and a sign",
    .bits_per_weight = 1.6,
    .row_tile = kX256Rows,
    .group_cols = kQuintCols,
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
    .block_bytes = kQuintX256BlockGroups * kX256GroupBytes,
};

}  // namespace ryz
