#include "kernels/encodings/pair_x128.h"

#include <cstring>

#include "kernels/encodings/pair.h"
#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t groups_of(std::size_t cols) {
  return (cols + kPairX128GroupCols - 1) / kPairX128GroupCols;
}

std::size_t tile_bytes(std::size_t cols) { return groups_of(cols) * kPairX128GroupBytes; }

std::size_t activation_table_bytes(std::size_t cols) {
  return groups_of(cols) * 2 * kPairTableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  if (rows < kPairX128Rows) std::memset(out, kPairZero, tile_bytes(cols));
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint8_t* const bytes = out + pair_x128_place(r);
    pack_units<kPairX128GroupCols>(trits + r * stride, cols,
                                   [bytes](const std::int8_t* w, std::size_t g) {
                                     bytes[g * kPairX128GroupBytes] = code_of_two_pairs(w);
                                   });
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::uint8_t* const bytes = packed + pair_x128_place(r);
    for (std::size_t k = 0; k < cols; ++k) {
      const unsigned code =
          bytes[k / kPairX128GroupCols * kPairX128GroupBytes] >> (4 * (k / kPairCols % 2)) & 15;
      trits[r * stride + k] = static_cast<std::int8_t>(trit_of(code, k % kPairCols));
    }
  }
}

}  // namespace

constinit const Encoding encoding_pair_x128{
    .name = "pair-x128",
    .summary = "two four-bit codes a byte, 128 rows interleaved; 9 sums of two activations",
    .bits_per_weight = 2.0,
    .row_tile = kPairX128Rows,
    .group_cols = kPairX128GroupCols,
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
};

}  // namespace ryz
