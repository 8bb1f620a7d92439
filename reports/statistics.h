// Robust statistics of repeated measurements. Pure functions: the same numbers and seed give the
// same result on every compiler and machine.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

// SplitMix64: the standard leaves its distributions to the library, and a verdict must not depend
// on which one was linked.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::size_t below(std::size_t n);  // in [0, n); the bias of 2^-64 * n does not matter here

 private:
  std::uint64_t state_;
};

// Where there is nothing to compute from (no values, or one that is not finite) all of these give
// NaN, which reports turn into null with a reason.
double median(std::span<const double> values);
// Median absolute deviation from the median, unscaled.
double mad(std::span<const double> values);
double geometric_mean(std::span<const double> values);

struct Interval {
  double lo = 0.0;
  double hi = 0.0;
};

// 95 % percentile bootstrap interval of the median. A value is one round, so that what is drawn
// again is the unit that was repeated. With few values it is as wide as they are: [min, max] of
// n = 5 holds the true median in 94 % of cases, n = 3 in only 75 %; n = 1 gives the value itself.
Interval median_interval(std::span<const double> values, std::uint64_t seed);

struct Ratio {
  double ratio = 0.0;
  double lo = 0.0;
  double hi = 0.0;
  std::size_t n = 0;  // rounds both sides have
};

// numerator / denominator, paired: element i of both was measured in the same round, so that drift
// between rounds cancels. The median of per-round log ratios and its interval. Values that are not
// positive are left out together with their partner.
Ratio paired_ratio(std::span<const double> numerator, std::span<const double> denominator,
                   std::uint64_t seed);

// ---- of samples --------------------------------------------------------------------------------
double rate_of(const Sample& sample);  // tokens per second

// Tokens per second of each round; several samples of a round give its median. A sample that
// something disturbed was taken again in its round: it counts only where all of them were.
std::map<unsigned, double> rate_by_round(const std::vector<Sample>& samples);

Throughput throughput(const std::vector<Sample>& samples, std::uint64_t seed);

// How many times the rate of `denominator` that of `numerator` is, over the rounds both have.
Ratio paired_ratio(const std::vector<Sample>& numerator, const std::vector<Sample>& denominator,
                   std::uint64_t seed);

}  // namespace ryz::report
