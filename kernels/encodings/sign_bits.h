// `sign-bits`: known wrong, as found in the engine this lab descends from: its tables were built as
// if activations were ±1, one sign bit each, while they are int8. Packing: pattern8.h.
//
// T[p][m] = Σ w_i(p)·(bit i of m ? 1 : −1), |T| ≤ 8, int8, where bit i of m_g is q_{8g+i} ≥ 0, and
// y = Σ_g T[p_g][m_g], to be scaled by the weight scale alone: the engine took ±1 for the real
// activation.
//
// Working table: [token][pattern8_padded_groups] bytes m; padding groups hold any index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/pattern8.h"

namespace ryz {

// The shared table; null before encoding_sign_bits.prepare().
const std::int8_t* sign_bits_table() noexcept;

extern const Encoding encoding_sign_bits;

}  // namespace ryz
