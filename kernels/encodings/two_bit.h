// `two-bit`: row-major, two bits a weight holding w + 1, no table: the multiply-add rival.
// A row is ceil(K / 256) blocks of 64 bytes; byte j of a block holds weights j, j+64, j+128, j+192
// of its 256 in bits 1-0, 3-2, 5-4, 7-6, so that one AND and one shift give a register of
// consecutive weights. y = Σ (w+1)·q − Σ q.
#pragma once

#include <cstddef>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kTwoBitBlockCols = 256;
inline constexpr std::size_t kTwoBitBlockBytes = 64;

extern const Encoding encoding_two_bit;

}  // namespace ryz
