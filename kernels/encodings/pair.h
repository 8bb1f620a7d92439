// `pair`: two four-bit codes a byte, the first in the low nibble; a code is (w_0 + 1) + 3·(w_1 + 1)
// of two weights (2 bits a weight). Row-major. A row is ceil(K / 4) bytes, padded with the codes of
// zero weights to whole blocks of 8 bytes (16 groups), so that kernels read whole blocks.
//
// Tables, one token: for each group of two columns, padding groups included, 16 int16 of which the
// first 9 are T[c] = w_0·q_0 + w_1·q_1, |T| ≤ 256: two groups a cache line. Padding groups hold
// zeros. The idea: BitNet's TL1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kPairCols = 2;
inline constexpr std::size_t kPairEntries = 9;
inline constexpr std::size_t kPairTableStride = 16;  // int16 elements
inline constexpr std::size_t kPairBlock = 16;        // groups
inline constexpr std::size_t kPairBlockBytes = 8;
inline constexpr std::uint8_t kPairZero = 0x44;  // four times w = 0

constexpr std::size_t pair_padded_groups(std::size_t cols) {
  const std::size_t block_cols = kPairCols * kPairBlock;
  return (cols + block_cols - 1) / block_cols * kPairBlock;
}

extern const Encoding encoding_pair;

}  // namespace ryz
