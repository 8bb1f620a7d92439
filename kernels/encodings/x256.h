// The order of rows in the encodings that interleave 256 of them, a byte a row and a group of
// columns. Sums of bytes, widened twice by instructions that work in lanes of 16 bytes, come out in
// the order of rows: bit by bit, a row's place is r7 r6 r3 r2 r5 r1 r0 r4.
#pragma once

#include <cstddef>

namespace ryz {

inline constexpr std::size_t kX256Rows = 256;
inline constexpr std::size_t kX256GroupBytes = kX256Rows;

// Where a row of the tile stands in a group.
constexpr std::size_t x256_place(std::size_t row) {
  return (row & 0xC0) | (row & 0x0C) << 2 | (row & 0x20) >> 2 | (row & 0x03) << 1 |
         (row & 0x10) >> 4;
}

}  // namespace ryz
