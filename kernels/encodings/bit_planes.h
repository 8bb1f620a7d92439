// `bit-planes`: the right cure of `sign-bits`: one lookup for every bit of the activations.
// Packing: pattern8.h.
//
// T[p][m] = Σ w_i(p)·bit_i(m), |T| ≤ 8, int8. With bit i of m_{g,b} = bit b of the two's complement
// of q_{8g+i}, y = Σ_g (Σ_{b<7} 2^b·T[p_g][m_{g,b}] − 128·T[p_g][m_{g,7}]), |y_g| ≤ 8·255.
//
// Working table: [token][block of 16 groups][plane b = 0..7][group in block] bytes m; padding
// groups hold any index. The idea: bit-serial lookup as in T-MAC, weights and activations swapped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/pattern8.h"

namespace ryz {

inline constexpr std::size_t kBitPlanes = 8;

// The shared table; null before encoding_bit_planes.prepare().
const std::int8_t* bit_planes_table() noexcept;

extern const Encoding encoding_bit_planes;

}  // namespace ryz
