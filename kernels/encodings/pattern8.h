// What `sign-bits`, `byte-value` and `bit-planes` share: weights packed as patterns of eight, and
// tables that belong to the patterns instead of to rows.
//
// Packing: a little-endian uint16 code of eight weights, c = Σ (w_i + 1)·3^i < 6561, first weight
// least significant (2 bits a weight). Row-major. A row is ceil(K / 8) codes, padded with the code
// of eight zeros to whole blocks of 16 codes (32 bytes), so that kernels read whole blocks.
//
// Shared table: T[code][index], 6561 × 256 entries; what one means, and its type, the encoding's.
// One table serves all rows and matrices: the engine this lab descends from had one for every row
// and group, 128 bytes a weight.
//
// Working table of a batch: the indexes that the activations select, see each encoding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

class Buffer;

inline constexpr std::size_t kPattern8Cols = 8;
inline constexpr std::size_t kPattern8Codes = 6561;
inline constexpr std::size_t kPattern8Entries = 256;
inline constexpr std::size_t kPattern8Block = 16;     // codes that a row is padded to
inline constexpr std::uint16_t kPattern8Zero = 3280;  // eight times w = 0

constexpr std::size_t pattern8_padded_groups(std::size_t cols) {
  const std::size_t block_cols = kPattern8Cols * kPattern8Block;
  return (cols + block_cols - 1) / block_cols * kPattern8Block;
}

std::size_t pattern8_tile_bytes(std::size_t cols);
void pattern8_pack_tile(const std::int8_t* trits, std::size_t stride, std::size_t rows,
                        std::size_t cols, std::uint8_t* out);
void pattern8_unpack_tile(const std::uint8_t* packed, std::size_t rows, std::size_t cols,
                          std::int8_t* trits, std::size_t stride);

// A table filled by fill_row(the code's eight weights, its 256 entries). Zeros follow it, so that
// its last entry can be read as a dword. Entry: std::int8_t or std::int16_t.
template <class Entry>
Buffer pattern8_table(void (*fill_row)(const int (&weights)[kPattern8Cols], Entry* row));

}  // namespace ryz
