// The oracle: the product as its definition says it. Never optimised, shared by nothing it checks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ternary.h"

namespace ryz {

// out[t * out_stride + r] = Σ_k trits[r * trit_stride + k] · q[t][k], int32.
// |Σ| ≤ 128·K, so K < 2^24 cannot overflow.
void reference_product(const std::int8_t* trits, std::size_t trit_stride, std::size_t rows,
                       const Activations& activations, std::int32_t* out, std::size_t out_stride);

}  // namespace ryz
