#include "kernels/encodings/quint.h"

#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t tile_bytes(std::size_t cols) { return quint_padded_groups(cols); }

std::size_t activation_table_bytes(std::size_t cols) {
  return quint_padded_groups(cols) * kQuintTableStride * sizeof(std::int16_t);
}

void pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
               std::size_t cols, std::uint8_t* out) {
  // Multiplying by these bytes leaves Σ x_i·3^i ≤ 242 in byte 4; the lower bytes stay below 256,
  // so nothing carries into it.
  constexpr std::uint64_t kPowers = 81 | 27 << 8 | 9 << 16 | 3u << 24 | std::uint64_t{1} << 32;
  pack_units<kQuintCols>(trits, cols, [out](const std::int8_t* w, std::size_t u) {
    const std::uint64_t x = plus_one(load_word<std::uint32_t>(w)) |
                            static_cast<std::uint64_t>(static_cast<std::uint8_t>(w[4] + 1)) << 32;
    out[u] = static_cast<std::uint8_t>(x * kPowers >> 32);
  });
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
