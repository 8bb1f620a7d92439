#include "kernels/encodings/byte_value.h"

#include <atomic>

#include "kernels/buffer.h"

namespace ryz {
namespace {

std::atomic<const std::int16_t*> shared_table{nullptr};

void fill_row(const int (&weights)[kPattern8Cols], std::int16_t* row) {
  int sum = 0;
  for (const int w : weights) sum += w;
  for (std::size_t b = 0; b < kPattern8Entries; ++b) {
    row[b] = static_cast<std::int16_t>(static_cast<std::int8_t>(b) * sum);
  }
}

void prepare() {
  static const Buffer table = pattern8_table<std::int16_t>(fill_row);
  shared_table.store(table.as<std::int16_t>(), std::memory_order_release);
}

}  // namespace

const std::int16_t* byte_value_table() noexcept {
  return shared_table.load(std::memory_order_acquire);
}

constinit const Encoding encoding_byte_value{
    .name = "byte-value",
    .summary = "patterns of eight weights, tables indexed by the first of eight activations",
    .bits_per_weight = 2.0,
    .row_tile = 1,
    .group_cols = kPattern8Cols,
    .table_kind = TableKind::kPattern,
    .output_scale = OutputScale::kNormal,
    .exact = false,
    .known_wrong = "one activation stands for all eight of its group",
    .tile_bytes = pattern8_tile_bytes,
    .pack_tile = pattern8_pack_tile,
    .unpack_tile = pattern8_unpack_tile,
    .shared_table_bytes = kPattern8Codes * kPattern8Entries * sizeof(std::int16_t),
    .prepare = prepare,
    .activation_table_bytes = nullptr,
};

}  // namespace ryz
