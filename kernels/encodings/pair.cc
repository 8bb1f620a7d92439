#include "kernels/encodings/pair.h"

#include <cstring>

#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

constexpr std::size_t kByteCols = 2 * kPairCols;

std::size_t tile_bytes(std::size_t cols) { return pair_padded_groups(cols) / 2; }

std::size_t activation_table_bytes(std::size_t cols) {
  return pair_padded_groups(cols) * kPairTableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
               std::size_t cols, std::uint8_t* out) {
  pack_units<kByteCols>(
      trits, cols, [out](const std::int8_t* w, std::size_t u) { out[u] = code_of_two_pairs(w); });
  const std::size_t bytes = (cols + kByteCols - 1) / kByteCols;
  std::memset(out + bytes, kPairZero, tile_bytes(cols) - bytes);
}

void unpack_tile(const std::uint8_t* packed, std::size_t /*rows*/, std::size_t cols,
                 std::int8_t* trits, std::size_t /*stride*/) {
  for (std::size_t k = 0; k < cols; ++k) {
    const unsigned code = packed[k / kByteCols] >> (4 * (k / kPairCols % 2)) & 15;
    trits[k] = static_cast<std::int8_t>(trit_of(code, k % kPairCols));
  }
}

}  // namespace

constinit const Encoding encoding_pair{
    .name = "pair",
    .summary = "two four-bit codes of two weights a byte, row-major; 9 sums of two activations",
    .bits_per_weight = 2.0,
    .row_tile = 1,
    .group_cols = kPairCols,
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
