#include "harness/measure/encoding_error.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/buffer.h"
#include "kernels/catalogue.h"
#include "kernels/packed_matrix.h"
#include "kernels/reference.h"
#include "model/quantize.h"
#include "model/random.h"

namespace ryz {
namespace {

class Trial {
 public:
  Trial(const Kernel& kernel, const EncodingErrorOptions& o)
      : kernel_(kernel), options_(o), stride_(round_up(o.cols, kActivationBlock)) {
    trits_.resize(o.rows * stride_);
    Random random(o.seed, 0);
    for (std::size_t r = 0; r < o.rows; ++r) {
      for (std::size_t k = 0; k < o.cols; ++k) {
        trits_[r * stride_ + k] = static_cast<std::int8_t>(static_cast<int>(random.next() % 3) - 1);
      }
    }
    if (kernel.encoding->prepare != nullptr) kernel.encoding->prepare();
    packed_ = pack(*kernel.encoding, o.rows, o.cols, [&](std::size_t r, std::int8_t* out) {
      for (std::size_t k = 0; k < options_.cols; ++k) out[k] = trits_[r * stride_ + k];
    });
  }

  EncodingErrorPoint operator()(double rms) {
    const std::size_t cols = options_.cols;
    std::vector<float> x(cols);
    Random random(options_.seed, 1);  // the same draws at every RMS: only the scale differs
    double squares = 0.0;
    for (float& v : x) {
      v = static_cast<float>(random.normal() * rms);
      squares += static_cast<double>(v) * static_cast<double>(v);
    }
    const float most = max_magnitude(x.data(), cols);
    Buffer q(stride_);
    auto* const bytes = q.as<std::int8_t>();
    std::fill(bytes, bytes + stride_, std::int8_t{0});
    const std::int32_t sum = round_to_int8(x.data(), 127.0F / most, cols, bytes);
    const Activations a{bytes, stride_, 1, cols, &sum};

    std::vector<std::int32_t> naive(options_.rows);
    std::vector<std::int32_t> got(options_.rows);
    reference_product(trits_.data(), stride_, options_.rows, a, naive.data(), options_.rows);
    Buffer table(kernel_.table_bytes != nullptr ? kernel_.table_bytes(cols, 1) : 0);
    if (kernel_.build != nullptr) {
      const std::size_t groups =
          (cols + kernel_.encoding->group_cols - 1) / kernel_.encoding->group_cols;
      kernel_.build(a, {0, groups}, table.data());
    }
    kernel_.multiply(packed_.view(), a, table.data(), {0, options_.rows}, got.data(),
                     options_.rows);

    const double scale = static_cast<double>(most) / 127.0;
    const bool unit = kernel_.encoding->output_scale == OutputScale::kUnit;
    EncodingErrorPoint point{rms, std::sqrt(squares / static_cast<double>(cols)), 0.0, 0};
    double off = 0.0;
    double whole = 0.0;
    for (std::size_t r = 0; r < options_.rows; ++r) {
      const double y = scale * naive[r];
      const double d = y - (unit ? 1.0 : scale) * got[r];
      off += d * d;
      whole += y * y;
      point.mismatches += naive[r] != got[r] ? 1 : 0;
    }
    point.error = std::sqrt(off / whole);
    return point;
  }

 private:
  const Kernel& kernel_;
  const EncodingErrorOptions& options_;
  std::size_t stride_;
  std::vector<std::int8_t> trits_;
  PackedMatrix packed_;
};

}  // namespace

std::vector<EncodingErrorPoint> encoding_error(const Kernel& kernel, const std::vector<double>& rms,
                                               const EncodingErrorOptions& options) {
  if (const std::string reason = why_not_runnable(kernel); !reason.empty()) {
    throw std::invalid_argument(std::string(kernel.name) + " " + reason);
  }
  Trial trial(kernel, options);
  std::vector<EncodingErrorPoint> points;
  for (const double value : rms) {
    if (!(value > 0.0) || !std::isfinite(value)) {
      throw std::invalid_argument("an RMS is above 0");
    }
    points.push_back(trial(value));
  }
  return points;
}

std::optional<double> expected_encoding_error(const Encoding& encoding, double rms) {
  if (encoding.exact) return 0.0;
  if (encoding.name == std::string_view("sign-bits")) {
    const double r = 1.0 / rms;
    return std::sqrt(r * r - 2.0 * std::sqrt(2.0 * std::numbers::inv_pi) * r + 1.0);
  }
  if (encoding.name == std::string_view("byte-value")) return std::sqrt(7.0 / 8.0 * 2.0);
  return std::nullopt;
}

}  // namespace ryz
