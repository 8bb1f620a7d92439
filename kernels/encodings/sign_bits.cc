#include "kernels/encodings/sign_bits.h"

#include <atomic>

#include "kernels/buffer.h"

namespace ryz {
namespace {

std::atomic<const std::int8_t*> shared_table{nullptr};

void fill_row(const int (&weights)[kPattern8Cols], std::int8_t* row) {
  // Entry by entry from those with fewer bits: setting bit i turns −w_i into +w_i.
  int none = 0;
  for (const int w : weights) none -= w;
  row[0] = static_cast<std::int8_t>(none);
  for (std::size_t i = 0; i < kPattern8Cols; ++i) {
    const std::size_t bit = std::size_t{1} << i;
    for (std::size_t m = 0; m < bit; ++m) {
      row[bit + m] = static_cast<std::int8_t>(row[m] + 2 * weights[i]);
    }
  }
}

void prepare() {
  static const Buffer table = pattern8_table<std::int8_t>(fill_row);
  shared_table.store(table.as<std::int8_t>(), std::memory_order_release);
}

}  // namespace

const std::int8_t* sign_bits_table() noexcept {
  return shared_table.load(std::memory_order_acquire);
}

constinit const Encoding encoding_sign_bits{
    .name = "sign-bits",
    .summary = "patterns of eight weights, tables of activations taken as +-1; as found",
    .bits_per_weight = 2.0,
    .row_tile = 1,
    .group_cols = kPattern8Cols,
    .table_kind = TableKind::kPattern,
    .output_scale = OutputScale::kUnit,
    .exact = false,
    .known_wrong = "its tables keep one sign bit of each int8 activation",
    .tile_bytes = pattern8_tile_bytes,
    .pack_tile = pattern8_pack_tile,
    .unpack_tile = pattern8_unpack_tile,
    .shared_table_bytes = kPattern8Codes * kPattern8Entries,
    .prepare = prepare,
    .activation_table_bytes = nullptr,
};

}  // namespace ryz
