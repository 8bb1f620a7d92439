// `byte-value`: known wrong, the first cure proposed for `sign-bits`: the index is one activation
// byte for the whole group. Packing: pattern8.h.
//
// T[p][b] = int8(b)·Σ w_i(p), |T| ≤ 128·8 = 1024, int16, where b_g is the byte of q_{8g}, and
// y = Σ_g T[p_g][b_g] with normal scales.
//
// Working table: [token][pattern8_padded_groups] bytes b; padding groups hold any index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/pattern8.h"

namespace ryz {

// The shared table; null before encoding_byte_value.prepare().
const std::int16_t* byte_value_table() noexcept;

extern const Encoding encoding_byte_value;

}  // namespace ryz
