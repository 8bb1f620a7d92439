// `quad-x256`: the codes of `quad` with 256 rows interleaved, for lookups in registers (2 bits a
// weight). A tile of 256 rows is ceil(K / 4) groups of 256 bytes, in blocks of 42, a byte a row in
// the order of x256.h: Σ (w_i + 1)·3^i of the weights 4g .. 4g + 3. Columns past K and the missing
// rows of a ragged tile hold w = 0.
//
// Tables, one token: for each group 128 int16 of which the first 81 are T[c] = Σ w_i(c)·q_i,
// |T| ≤ 4·128 = 512.
#pragma once

#include <cstddef>

#include "kernels/encoding.h"
#include "kernels/encodings/x256.h"

namespace ryz {

inline constexpr std::size_t kQuadX256BlockGroups = 42;

extern const Encoding encoding_quad_x256;

}  // namespace ryz
