// The order of rows in the encodings that interleave 256 of them, a byte a row and a group of
// columns. Sums of bytes, widened twice by instructions that work in lanes of 16 bytes, come out in
// the order of rows: bit by bit, a row's place is r7 r6 r3 r2 r5 r1 r0 r4.
//
// A matrix of them is dealt out in blocks of groups (Encoding::block_bytes): as many as can have
// their tables in the L1 cache while as many codes go by. Tile by tile, a kernel has either the
// tables come from the L2 cache with every code, or a new stream of codes every block
// (experiments/009-table-kernels-from-memory.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kX256Rows = 256;
inline constexpr std::size_t kX256GroupBytes = kX256Rows;

// Where a row of the tile stands in a group.
constexpr std::size_t x256_place(std::size_t row) {
  return (row & 0xC0) | (row & 0x0C) << 2 | (row & 0x20) >> 2 | (row & 0x03) << 1 |
         (row & 0x10) >> 4;
}

// Where group g of a tile begins in a matrix of blocks of kBlockGroups groups. The groups after it
// follow to the block's end.
template <std::size_t kBlockGroups>
inline const std::uint8_t* x256_codes(const PackedView& weights, std::size_t tile, std::size_t g) {
  const std::size_t tiles = (weights.rows + kX256Rows - 1) / kX256Rows;
  const std::size_t first = g / kBlockGroups * kBlockGroups;
  const std::size_t left = weights.tile_bytes / kX256GroupBytes - first;
  const std::size_t groups = left < kBlockGroups ? left : kBlockGroups;
  return weights.data + (first * tiles + tile * groups + g - first) * kX256GroupBytes;
}

}  // namespace ryz
