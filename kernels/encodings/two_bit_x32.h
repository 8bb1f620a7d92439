// `two-bit-x32`: two bits a weight holding w + 1, 32 rows interleaved, no table. A tile of 32 rows
// is ceil(K / 16) column groups of 128 bytes; bytes 4r..4r+3 of group g belong to row r, and the
// two-bit field f (bits 2f+1..2f) of byte b there holds weight k = 16g + 4f + b. So a register of
// dwords is a column of rows, each field meets one broadcast dword of activations, and a tile is
// read as one sequential stream. Columns past K and the missing rows of a ragged tile hold w = 0.
// y = Σ (w+1)·q − Σ q. The idea: interleaved rows as in llama.cpp's repacked formats, with fields
// left in place and the scale taken out of the sums.
#pragma once

#include <cstddef>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kTwoBitX32Rows = 32;
inline constexpr std::size_t kTwoBitX32GroupCols = 16;
inline constexpr std::size_t kTwoBitX32GroupBytes = 128;

extern const Encoding encoding_two_bit_x32;

}  // namespace ryz
