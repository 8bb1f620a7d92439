// `pair-x128`: the codes of `pair` with 128 rows interleaved, for lookups in registers (2 bits a
// weight). A tile of 128 rows is ceil(K / 4) groups of 128 bytes, a byte a row: the code of the
// weights 4g and 4g + 1 in the low nibble, of 4g + 2 and 4g + 3 in the high one. Columns past K and
// the missing rows of a ragged tile hold w = 0.
//
// Rows lie so that sums of bytes, widened twice by instructions that work in lanes of 16 bytes,
// come out in the order of rows: bit by bit, a row's place is r6 r5 r2 r4 r1 r0 r3.
//
// Tables, one token: for each group two tables of 16 int16 of which the first 9 are T[c] = w_0·q_0
// + w_1·q_1, |T| ≤ 256. The idea: BitNet's TL1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kPairX128Rows = 128;
inline constexpr std::size_t kPairX128GroupCols = 4;
inline constexpr std::size_t kPairX128GroupBytes = kPairX128Rows;

// Where a row of the tile stands in a group.
constexpr std::size_t pair_x128_place(std::size_t row) {
  return (row & 0x60) | (row & 0x04) << 2 | (row & 0x10) >> 1 | (row & 0x03) << 1 |
         (row & 0x08) >> 3;
}

extern const Encoding encoding_pair_x128;

}  // namespace ryz
