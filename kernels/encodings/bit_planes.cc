#include "kernels/encodings/bit_planes.h"

#include <atomic>

#include "kernels/buffer.h"

namespace ryz {
namespace {

std::atomic<const std::int8_t*> shared_table{nullptr};

void fill_row(const int (&weights)[kPattern8Cols], std::int8_t* row) {
  // Entry by entry from those with fewer bits.
  row[0] = 0;
  for (std::size_t i = 0; i < kPattern8Cols; ++i) {
    const std::size_t bit = std::size_t{1} << i;
    for (std::size_t m = 0; m < bit; ++m) {
      row[bit + m] = static_cast<std::int8_t>(row[m] + weights[i]);
    }
  }
}

void prepare() {
  static const Buffer table = pattern8_table<std::int8_t>(fill_row);
  shared_table.store(table.as<std::int8_t>(), std::memory_order_release);
}

}  // namespace

const std::int8_t* bit_planes_table() noexcept {
  return shared_table.load(std::memory_order_acquire);
}

constinit const Encoding encoding_bit_planes{
    .name = "bit-planes",
    .summary = "patterns of eight weights, one lookup for each bit of the activations",
    .bits_per_weight = 2.0,
    .row_tile = 1,
    .group_cols = kPattern8Cols,
    .table_kind = TableKind::kPattern,
    .output_scale = OutputScale::kNormal,
    .exact = true,
    .known_wrong = nullptr,
    .tile_bytes = pattern8_tile_bytes,
    .pack_tile = pattern8_pack_tile,
    .unpack_tile = pattern8_unpack_tile,
    .shared_table_bytes = kPattern8Codes * kPattern8Entries,
    .prepare = prepare,
    .activation_table_bytes = nullptr,
};

}  // namespace ryz
