// `signed-triple-x64`: three weights in five bits, 64 rows interleaved, for lookups in registers of
// 16 bytes. Three weights are the number s = w_0 + 3·w_1 + 9·w_2 in -13..13, and -s are the
// opposite weights: |s|, four bits, chooses one of 14 sums, a fifth bit its sign. (BitNet's TL2
// splits three weights alike.)
//
// A tile of 64 rows is ceil(K / 24) units of 320 bytes. Bytes 64j .. 64j+63 of unit u, j < 4, hold
// a byte a row: |s| of the triple 8u + 2j in the low nibble, of 8u + 2j + 1 in the high one; triple
// t is the weights 3t .. 3t+2. Bytes 256 .. 319 hold a byte a row: bit 7 - i is set where s of
// triple 8u + i is negative. Bit by bit, a row's place among 64 bytes is r5 r2 r4 r1 r0 r3 (as in
// pair-x128): sums of bytes, widened twice in lanes of 16 bytes, come out as registers of eight
// rows in order. Columns past K and the missing rows of a ragged tile hold w = 0.
//
// Tables, one token: for each triple, padding included, 16 int16 of which the first 14 are T[|s|] =
// Σ w_i·q_i, |T| ≤ 3·128 = 384.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kSignedTripleX64Rows = 64;
inline constexpr std::size_t kSignedTripleCols = 3;
inline constexpr std::size_t kSignedTriplesOfUnit = 8;
inline constexpr std::size_t kSignedTripleUnitCols = kSignedTripleCols * kSignedTriplesOfUnit;
inline constexpr std::size_t kSignedTripleSigns = 4 * kSignedTripleX64Rows;  // where they begin
inline constexpr std::size_t kSignedTripleUnitBytes = kSignedTripleSigns + kSignedTripleX64Rows;
inline constexpr std::size_t kSignedTripleEntries = 14;
inline constexpr std::size_t kSignedTripleTableStride = 16;  // elements

constexpr std::size_t signed_triple_units(std::size_t cols) {
  return (cols + kSignedTripleUnitCols - 1) / kSignedTripleUnitCols;
}

// Where a row of the tile stands among the 64 bytes.
constexpr std::size_t signed_triple_place(std::size_t row) {
  return (row & 32) | (row & 4) << 2 | (row & 16) >> 1 | (row & 3) << 1 | (row & 8) >> 3;
}

// Weight i of the triple whose number is s.
constexpr int signed_triple_weight(int s, unsigned i) {
  unsigned code = static_cast<unsigned>(s + 13);
  for (; i > 0; --i) code /= 3;
  return static_cast<int>(code % 3) - 1;
}

extern const Encoding encoding_signed_triple_x64;

}  // namespace ryz
