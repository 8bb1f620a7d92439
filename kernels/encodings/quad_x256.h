// `quad-x256`: the codes of `quad` with 256 rows interleaved, for lookups in registers (2 bits a
// weight). A tile of 256 rows is ceil(K / 4) groups of 256 bytes, a byte a row: Σ (w_i + 1)·3^i of
// the weights 4g .. 4g + 3. Columns past K and the missing rows of a ragged tile hold w = 0.
//
// Rows lie so that sums of bytes, widened twice by instructions that work in lanes of 16 bytes,
// come out in the order of rows: bit by bit, the byte's place is r7 r6 r3 r2 r5 r1 r0 r4.
//
// Tables, one token: for each group 128 int16 of which the first 81 are T[c] = Σ w_i(c)·q_i,
// |T| ≤ 4·128 = 512.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kQuadX256Rows = 256;
inline constexpr std::size_t kQuadX256GroupBytes = kQuadX256Rows;

// Where a row of the tile stands in a group.
constexpr std::size_t quad_x256_place(std::size_t row) {
  return (row & 0xC0) | (row & 0x0C) << 2 | (row & 0x20) >> 2 | (row & 0x03) << 1 |
         (row & 0x10) >> 4;
}

extern const Encoding encoding_quad_x256;

}  // namespace ryz
