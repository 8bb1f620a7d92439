// `quint`: five weights a byte, c = Σ (w_i + 1)·3^i, first weight least significant (1.6 bits).
// Row-major. A row is ceil(K / 5) bytes, padded with the code of five zeros to whole blocks of 16,
// so that kernels read whole blocks; the bytes past K's weights in a group are w = 0 too.
//
// Tables, one token: for each group of five columns, padding groups included, 256 int16 of which
// the first 243 are T[c] = Σ w_i(c)·q_i, |T| ≤ 5·128 = 640. A group's table starts at a multiple of
// 512 bytes, so no entry crosses a cache line, even read as a dword with its neighbour. Padding
// groups hold zeros. The idea: lookup tables of ternary groups as in BitNet's TL1 and TL2, here
// without mirror consolidation, five weights a byte as in llama.cpp's TQ1_0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kQuintCols = 5;
inline constexpr std::size_t kQuintEntries = 243;
inline constexpr std::size_t kQuintTableStride = 256;  // int16 elements
inline constexpr std::size_t kQuintBlock = 16;         // groups, and bytes of codes
inline constexpr std::uint8_t kQuintZero = 121;        // the code of w = 0, five times

constexpr std::size_t quint_padded_groups(std::size_t cols) {
  const std::size_t block_cols = kQuintCols * kQuintBlock;
  return (cols + block_cols - 1) / block_cols * kQuintBlock;
}

extern const Encoding encoding_quint;

}  // namespace ryz
