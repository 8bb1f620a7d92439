// One instruction set's implementation of the operations that are worth more than one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace ryz {

struct OpsTable {
  IsaSet needs;
  void (*rms_norm)(const float* x, const float* weight, std::size_t n, float eps, float* y);
  void (*softmax)(float* x, std::size_t n);
  void (*attention)(const float* q, const float* k, const float* v, std::size_t positions,
                    std::size_t width, float* scores, float* out);
  void (*four_attentions)(float* q, std::size_t stride, const float* k, const float* v,
                          std::size_t positions, std::size_t later, std::size_t width,
                          float* scores, std::size_t scores_stride);
  void (*squared_relu_gate)(const float* gate, const float* up, std::size_t n, float* y);
  void (*silu_gate)(const float* gate, const float* up, std::size_t n, float* y);
  void (*add)(float* x, const float* y, std::size_t n);
  void (*scale)(const std::int32_t* x, float factor, std::size_t n, float* y);
  float (*dot)(const float* a, const float* b, std::size_t n);
};

extern const OpsTable ops_baseline;
extern const OpsTable ops_avx2;
extern const OpsTable ops_avx512;

}  // namespace ryz
