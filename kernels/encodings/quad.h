// `quad`: four weights a byte, c = Σ (w_i + 1)·3^i, first weight least significant (2 bits).
// Row-major. A row is ceil(K / 4) bytes, padded with the code of four zeros to whole blocks of 16,
// so that kernels read whole blocks; the bytes past K's weights in a group are w = 0 too.
//
// Tables, one token: for each group of four columns, padding groups included, 128 int16 of which
// the first 81 are T[c] = Σ w_i(c)·q_i, |T| ≤ 4·128 = 512. A group's table starts at a multiple of
// 256 bytes, so no entry crosses a cache line, even read as a dword with its neighbour. Padding
// groups hold zeros. The idea: as quint, a third of its tables' size for a quarter more codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kQuadCols = 4;
inline constexpr std::size_t kQuadEntries = 81;
inline constexpr std::size_t kQuadTableStride = 128;  // int16 elements
inline constexpr std::size_t kQuadBlock = 16;         // groups, and bytes of codes
inline constexpr std::uint8_t kQuadZero = 40;         // the code of w = 0, four times

constexpr std::size_t quad_padded_groups(std::size_t cols) {
  const std::size_t block_cols = kQuadCols * kQuadBlock;
  return (cols + block_cols - 1) / block_cols * kQuadBlock;
}

extern const Encoding encoding_quad;

}  // namespace ryz
