#include "kernels/reference.h"

namespace ryz {

void reference_product(const std::int8_t* trits, std::size_t trit_stride, std::size_t rows,
                       const Activations& activations, std::int32_t* out, std::size_t out_stride) {
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int8_t* w = trits + r * trit_stride;
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < activations.cols; ++k) sum += w[k] * q[k];
      out[t * out_stride + r] = sum;
    }
  }
}

}  // namespace ryz
