#include "reports/fastest_shift.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

namespace ryz::report {
namespace {

constexpr std::size_t kParts = 6;
constexpr std::size_t kCount = 3;
using Fastest = std::array<double, kCount>;  // fastest first

Fastest fastest_parts(std::span<const double> values) {
  std::array<double, kParts> parts{};
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t begin = values.size() * i / kParts;
    const std::size_t end = values.size() * (i + 1) / kParts;
    parts[i] = *std::max_element(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                 values.begin() + static_cast<std::ptrdiff_t>(end));
  }
  std::sort(parts.begin(), parts.end(), std::greater<>());
  Fastest fastest{};
  std::copy_n(parts.begin(), kCount, fastest.begin());
  return fastest;
}

std::size_t beyond(std::span<const double> values, double limit) {
  return static_cast<std::size_t>(
      std::count_if(values.begin(), values.end(), [&](double v) { return v > limit; }));
}

// Two-sided: that the `count` largest of all values lie on one side, which has `n` of them.
double exceedance_p(std::size_t count, std::size_t n, std::size_t other) {
  double p = 2.0;
  for (std::size_t i = 0; i < count; ++i) {
    p *= static_cast<double>(n - i) / static_cast<double>(n + other - i);
  }
  return std::min(1.0, p);
}

}  // namespace

Shift fastest_shift(std::span<const double> base, std::span<const double> fresh) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  Shift shift{kNaN, kNaN, kNaN, 1.0, base.size(), fresh.size()};
  const auto finite = [](std::span<const double> values) {
    return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  };
  if (std::min(base.size(), fresh.size()) < kFewestForFastest || !finite(base) || !finite(fresh)) {
    return shift;
  }
  const Fastest a = fastest_parts(base);
  const Fastest b = fastest_parts(fresh);
  shift.estimate = b[kCount / 2] - a[kCount / 2];
  shift.lo = b.back() - a.front();
  shift.hi = b.front() - a.back();
  const std::size_t above_fresh = beyond(base, *std::max_element(fresh.begin(), fresh.end()));
  const std::size_t above_base = beyond(fresh, *std::max_element(base.begin(), base.end()));
  shift.p = above_fresh > 0 ? exceedance_p(above_fresh, base.size(), fresh.size())
                            : exceedance_p(above_base, fresh.size(), base.size());
  return shift;
}

}  // namespace ryz::report
