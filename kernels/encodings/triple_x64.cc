#include "kernels/encodings/triple_x64.h"

#include <algorithm>
#include <cstring>

#include "kernels/encodings/triple.h"
#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t units_of(std::size_t cols) { return (cols + kTripleWordCols - 1) / kTripleWordCols; }

std::size_t tile_bytes(std::size_t cols) { return units_of(cols) * kTripleX64UnitBytes; }

std::size_t activation_table_bytes(std::size_t cols) {
  return units_of(cols) * kTripleCodesPerWord * kTripleTableStride * sizeof(std::int16_t);
}

// The word of nine trits in a row, and of nine zeros.
constexpr int kPlaces[kTripleWordCols] = {1,      3,       9,       1 << 5, 3 << 5,
                                          9 << 5, 1 << 10, 3 << 10, 9 << 10};

std::uint16_t word_of(const std::int8_t* trits) {
  int word = kTripleZero;
  for (std::size_t i = 0; i < kTripleWordCols; ++i) word += trits[i] * kPlaces[i];
  return static_cast<std::uint16_t>(word);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  // Units in the outer loop: what is written together lies together.
  for (std::size_t u = 0; u < units_of(cols); ++u) {
    const std::size_t first = u * kTripleWordCols;
    const std::size_t n = std::min(kTripleWordCols, cols - first);
    for (std::size_t r = 0; r < kTripleX64Rows; ++r) {
      std::uint16_t word = kTripleZero;
      if (r < rows && n == kTripleWordCols) {
        word = word_of(trits + r * stride + first);
      } else if (r < rows) {
        std::int8_t last[kTripleWordCols] = {};
        std::copy_n(trits + r * stride + first, n, last);
        word = word_of(last);
      }
      std::memcpy(out + u * kTripleX64UnitBytes + 2 * r, &word, sizeof word);
    }
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < cols; ++k) {
      std::uint16_t word;
      std::memcpy(&word, packed + k / kTripleWordCols * kTripleX64UnitBytes + 2 * r, sizeof word);
      const std::size_t i = k % kTripleWordCols;
      const unsigned code = word >> (5 * (i / kTripleCols)) & 31;
      trits[r * stride + k] =
          static_cast<std::int8_t>(trit_of(code, static_cast<unsigned>(i % kTripleCols)));
    }
  }
}

}  // namespace

constinit const Encoding encoding_triple_x64{
    .name = "triple-x64",
    .summary = "nine weights in 16 bits, 64 rows interleaved; 27 sums of three activations",
    .bits_per_weight = 16.0 / 9.0,
    .row_tile = kTripleX64Rows,
    .group_cols = kTripleCols,
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
