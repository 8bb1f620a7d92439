#include "kernels/encodings/signed_triple_x64.h"

#include <array>
#include <cstring>

#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

constexpr std::size_t kRows = kSignedTripleX64Rows;

std::size_t tile_bytes(std::size_t cols) {
  return signed_triple_units(cols) * kSignedTripleUnitBytes;
}

std::size_t activation_table_bytes(std::size_t cols) {
  return signed_triple_units(cols) * kSignedTriplesOfUnit * kSignedTripleTableStride *
         sizeof(std::int16_t);
}

// |s| and, in bit 7, the sign, of the code s + 13.
constexpr std::array<std::uint8_t, 27> kSplit = [] {
  std::array<std::uint8_t, 27> split{};
  for (unsigned c = 0; c < split.size(); ++c) {
    split[c] = static_cast<std::uint8_t>(c < 13 ? 0x80 | (13 - c) : c - 13);
  }
  return split;
}();

// The five bytes of 24 weights, of which 26 are readable.
void pack_unit(const std::int8_t* w, std::uint8_t* out) {
  // Multiplying by these bytes leaves x0 + 3·x1 + 9·x2 ≤ 26 of bytes 0-2 in byte 2 and of bytes
  // 3-5 in byte 5; no byte reaches 256.
  constexpr std::uint64_t kPowers = 9 | 3 << 8 | 1 << 16;
  unsigned signs = 0;
  for (std::size_t j = 0; j < kSignedTriplesOfUnit / 2; ++j) {
    const std::uint64_t codes = plus_one(load_word<std::uint64_t>(w + 6 * j)) * kPowers;
    const unsigned first = kSplit[codes >> 16 & 31];
    const unsigned second = kSplit[codes >> 40 & 31];
    out[j * kRows] = static_cast<std::uint8_t>((first & 15) | second << 4);
    signs = signs << 2 | first >> 7 << 1 | second >> 7;
  }
  out[kSignedTripleSigns] = static_cast<std::uint8_t>(signs);
}

void pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows, std::size_t cols,
               std::uint8_t* out) {
  if (rows < kRows) std::memset(out, 0, tile_bytes(cols));
  // Units in the outer loop: what is written together lies together.
  for (std::size_t u = 0; u < signed_triple_units(cols); ++u) {
    const std::size_t first = u * kSignedTripleUnitCols;
    std::uint8_t* const unit = out + u * kSignedTripleUnitBytes;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int8_t* w = trits + r * stride + first;
      if (first + kSignedTripleUnitCols + 2 <= cols) {
        pack_unit(w, unit + signed_triple_place(r));
      } else {
        std::int8_t last[kSignedTripleUnitCols + 2] = {};
        const std::size_t left = cols - first;
        std::memcpy(last, w, left < kSignedTripleUnitCols ? left : kSignedTripleUnitCols);
        pack_unit(last, unit + signed_triple_place(r));
      }
    }
  }
}

void unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols, std::int8_t* trits,
                 std::size_t stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < cols; ++k) {
      const std::uint8_t* const unit =
          packed + k / kSignedTripleUnitCols * kSignedTripleUnitBytes + signed_triple_place(r);
      const std::size_t triple = k % kSignedTripleUnitCols / kSignedTripleCols;
      const int magnitude = unit[triple / 2 * kRows] >> (4 * (triple % 2)) & 15;
      const bool negative = (unit[kSignedTripleSigns] >> (7 - triple) & 1) != 0;
      trits[r * stride + k] = static_cast<std::int8_t>(signed_triple_weight(
          negative ? -magnitude : magnitude, static_cast<unsigned>(k % kSignedTripleCols)));
    }
  }
}

}  // namespace

constinit const Encoding encoding_signed_triple_x64{
    .name = "signed-triple-x64",
    .summary = "three weights in four bits and a sign, 64 rows interleaved; 14 sums of three",
    .bits_per_weight = 5.0 / 3.0,
    .row_tile = kRows,
    .group_cols = kSignedTripleCols,
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
