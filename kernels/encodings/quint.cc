#include "kernels/encodings/quint.h"

#include <cstring>

#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t tile_bytes(std::size_t cols) { return quint_padded_groups(cols); }

std::size_t activation_table_bytes(std::size_t cols) {
  return quint_padded_groups(cols) * kQuintTableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
               std::size_t cols, std::uint8_t* out) {
  pack_units<kQuintCols>(trits, cols,
                         [out](const std::int8_t* w, std::size_t u) { out[u] = code_of_five(w); });
  const std::size_t groups = (cols + kQuintCols - 1) / kQuintCols;
  std::memset(out + groups, kQuintZero, quint_padded_groups(cols) - groups);
}

void unpack_tile(const std::uint8_t* packed, std::size_t /*rows*/, std::size_t cols,
                 std::int8_t* trits, std::size_t /*stride*/) {
  for (std::size_t k = 0; k < cols; ++k) {
    trits[k] = static_cast<std::int8_t>(trit_of(packed[k / kQuintCols], k % kQuintCols));
  }
}

}  // namespace

constinit const Encoding encoding_quint{
    .name = "quint",
    .summary = "five weights a byte, row-major; 243 sums of five activations",
    .bits_per_weight = 1.6,
    .row_tile = 1,
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
};

}  // namespace ryz
