#include "model/ops.h"

#include <cmath>

#include "kernels/cpu.h"
#include "model/ops_table.h"

#define RYZ_LANES 4
namespace {
constexpr std::size_t kLanes = RYZ_LANES;
}  // namespace
#include "model/ops_lanes.inc"

namespace ryz {
constinit const OpsTable ops_baseline = kTable;

namespace {

const OpsTable& best() {
  const IsaSet usable = usable_isa();
  if (contains(usable, ops_avx512.needs)) return ops_avx512;
  if (contains(usable, ops_avx2.needs)) return ops_avx2;
  return ops_baseline;
}

}  // namespace

void rms_norm(const float* x, const float* weight, std::size_t n, float eps, float* y) {
  best().rms_norm(x, weight, n, eps, y);
}

double rms(const float* x, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum / static_cast<double>(n));
}

void rope(float* x, const float* cosines, const float* sines, std::size_t n) {
  const std::size_t half = n / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    x[i] = a * cosines[i] - b * sines[i];
    x[i + half] = a * sines[i] + b * cosines[i];
  }
}

void softmax(float* x, std::size_t n) { best().softmax(x, n); }

void attention(const float* q, const float* k, const float* v, std::size_t positions,
               std::size_t width, float* scores, float* out) {
  best().attention(q, k, v, positions, width, scores, out);
}

void four_attentions(float* q, std::size_t stride, const float* k, const float* v,
                     std::size_t positions, std::size_t later, std::size_t width, float* scores,
                     std::size_t scores_stride) {
  best().four_attentions(q, stride, k, v, positions, later, width, scores, scores_stride);
}

void squared_relu_gate(const float* gate, const float* up, std::size_t n, float* y) {
  best().squared_relu_gate(gate, up, n, y);
}

void silu_gate(const float* gate, const float* up, std::size_t n, float* y) {
  best().silu_gate(gate, up, n, y);
}

void add(float* x, const float* y, std::size_t n) { best().add(x, y, n); }

void scale(const std::int32_t* x, float factor, std::size_t n, float* y) {
  best().scale(x, factor, n, y);
}

float dot(const float* a, const float* b, std::size_t n) { return best().dot(a, b, n); }

}  // namespace ryz
