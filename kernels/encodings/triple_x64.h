// `triple-x64`: the words of `triple` with 64 rows interleaved, for lookups in registers. A tile of
// 64 rows is ceil(K / 9) units of 128 bytes; bytes 2r, 2r+1 of unit u are row r's little-endian
// word: code j, Σ (w_i + 1)·3^i of weights 9u + 3j .. 9u + 3j + 2, is in bits 5j+4..5j, bit 15 is 0
// (1.78 bits a weight). Columns past K and the missing rows of a ragged tile hold w = 0.
//
// Tables, one token: for each unit three tables of 32 int16, of which the first 27 are T[c] =
// Σ w_i(c)·q_i, |T| ≤ 3·128 = 384: a table is a register, and five bits of a word choose an entry
// whatever the bits above them hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kTripleX64Rows = 64;
inline constexpr std::size_t kTripleX64UnitBytes = 2 * kTripleX64Rows;

extern const Encoding encoding_triple_x64;

}  // namespace ryz
