// Real numbers to int8 by their largest magnitude, as BitNet does with activations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

// max |x[i]|, 0 for n = 0.
float max_magnitude(const float* x, std::size_t n);

// q[i] = x[i] · factor rounded to the nearest integer, ties to even, saturated to int8.
// Returns Σ q.
std::int32_t round_to_int8(const float* x, float factor, std::size_t n, std::int8_t* q);

}  // namespace ryz
