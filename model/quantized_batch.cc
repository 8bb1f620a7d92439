#include <algorithm>
#include <cstring>
#include <numeric>

#include "model/linear.h"
#include "model/quantize.h"

namespace ryz {
namespace {

// Below this a row's largest magnitude counts as this much, as in the published quantizer.
constexpr float kSmallestMagnitude = 1e-5F;

}  // namespace

void QuantizedBatch::resize(std::size_t tokens, std::size_t cols) {
  tokens_ = tokens;
  cols_ = cols;
  stride_ = round_up(cols, kActivationBlock);
  if (q_.size() < tokens * stride_) q_ = Buffer(tokens * stride_);
  for (std::size_t t = 0; t < tokens; ++t) std::memset(row(t) + cols, 0, stride_ - cols);
  sums_.resize(tokens);
  scales_.resize(tokens);
}

void QuantizedBatch::quantize(std::size_t token, const float* x) {
  const float max = std::max(max_magnitude(x, cols_), kSmallestMagnitude);
  sums_[token] = round_to_int8(x, 127.0F / max, cols_, row(token));
  scales_[token] = max / 127.0F;
}

void QuantizedBatch::assign(std::size_t token, const std::int8_t* q, float scale) {
  std::copy_n(q, cols_, row(token));
  sums_[token] = std::accumulate(q, q + cols_, std::int32_t{0});
  scales_[token] = scale;
}

Activations QuantizedBatch::view(TokenRange tokens) const {
  return {q_.as<std::int8_t>() + tokens.begin * stride_, stride_, tokens.end - tokens.begin, cols_,
          sums_.data() + tokens.begin};
}

std::int8_t* QuantizedBatch::row(std::size_t token) {
  return q_.as<std::int8_t>() + token * stride_;
}

}  // namespace ryz
