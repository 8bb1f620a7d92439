// `triple`: three five-bit codes of three weights each in a little-endian uint16 (9 weights in 16
// bits, 1.78 bits a weight). Code j, c = Σ (w_i + 1)·3^i of weights 9u + 3j .. 9u + 3j + 2, is in
// bits 5j+4..5j; bit 15 is 0. Row-major. A row is ceil(K / 9) words, padded with zero weights to
// whole blocks of 16 words (32 bytes, 48 groups), so that kernels read whole blocks.
//
// Tables, one token: for each group of three columns, padding groups included, 32 int16 of which
// the first 27 are T[c] = Σ w_i(c)·q_i, |T| ≤ 3·128 = 384: one cache line a group. Padding groups
// hold zeros. The idea: BitNet's TL2 (groups of three), five bits a code so that decoding is two
// shifts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kTripleCols = 3;
inline constexpr std::size_t kTripleCodesPerWord = 3;
inline constexpr std::size_t kTripleWordCols = kTripleCols * kTripleCodesPerWord;
inline constexpr std::size_t kTripleEntries = 27;
inline constexpr std::size_t kTripleTableStride = 32;  // int16 elements
inline constexpr std::size_t kTripleBlockWords = 16;
inline constexpr std::size_t kTripleBlock = kTripleBlockWords * kTripleCodesPerWord;  // groups
inline constexpr std::uint16_t kTripleZero = 13 | 13 << 5 | 13 << 10;  // nine times w = 0

constexpr std::size_t triple_padded_groups(std::size_t cols) {
  const std::size_t block_cols = kTripleCols * kTripleBlock;
  return (cols + block_cols - 1) / block_cols * kTripleBlock;
}

extern const Encoding encoding_triple;

}  // namespace ryz
