#include "reports/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ryz::report {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kResamples = 2000;

bool usable(std::span<const double> values) {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

double median_of_sorted(std::span<const double> sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
}

}  // namespace

std::uint64_t SplitMix::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::size_t SplitMix::below(std::size_t n) {
  return static_cast<std::size_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
}

double median(std::span<const double> values) {
  if (!usable(values)) return kNaN;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return median_of_sorted(sorted);
}

double mad(std::span<const double> values) {
  const double center = median(values);
  std::vector<double> deviations;
  for (const double v : values) deviations.push_back(std::abs(v - center));
  return median(deviations);
}

double geometric_mean(std::span<const double> values) {
  if (!usable(values)) return kNaN;
  double sum = 0.0;
  for (const double v : values) {
    if (v <= 0.0) return kNaN;
    sum += std::log(v);
  }
  return std::exp(sum / static_cast<double>(values.size()));
}

Interval median_interval(std::span<const double> values, std::uint64_t seed) {
  if (!usable(values)) return {kNaN, kNaN};
  if (values.size() == 1) return {values[0], values[0]};
  SplitMix random(seed);
  std::vector<double> medians(kResamples);
  std::vector<double> drawn(values.size());
  for (double& m : medians) {
    for (double& v : drawn) v = values[random.below(values.size())];
    std::sort(drawn.begin(), drawn.end());
    m = median_of_sorted(drawn);
  }
  std::sort(medians.begin(), medians.end());
  constexpr std::size_t kTail = kResamples / 40;  // 2.5 %
  return {medians[kTail], medians[kResamples - 1 - kTail]};
}

Ratio paired_ratio(std::span<const double> numerator, std::span<const double> denominator,
                   std::uint64_t seed) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(numerator.size(), denominator.size()); ++i) {
    const double ratio = numerator[i] / denominator[i];
    if (numerator[i] > 0.0 && denominator[i] > 0.0 && std::isfinite(ratio) && ratio > 0.0) {
      logs.push_back(std::log(ratio));
    }
  }
  const Interval interval = median_interval(logs, seed);
  return {std::exp(median(logs)), std::exp(interval.lo), std::exp(interval.hi), logs.size()};
}

double rate_of(const Sample& sample) {
  return 1e9 * static_cast<double>(sample.tokens) / static_cast<double>(sample.time_ns);
}

std::map<unsigned, double> rate_by_round(const std::vector<Sample>& samples) {
  std::map<unsigned, bool> calm;  // rounds with a sample that nothing disturbed
  for (const Sample& s : samples) calm[s.round] = calm[s.round] || s.disturbed.empty();
  std::map<unsigned, std::vector<double>> rates;
  for (const Sample& s : samples) {
    if (s.time_ns == 0) continue;  // no clock is that fine: such a sample says nothing
    if (calm[s.round] && !s.disturbed.empty()) continue;
    rates[s.round].push_back(rate_of(s));
  }
  std::map<unsigned, double> result;
  for (const auto& [round, values] : rates) result[round] = median(values);
  return result;
}

Throughput throughput(const std::vector<Sample>& samples, std::uint64_t seed) {
  std::vector<double> rates;
  for (const auto& [round, rate] : rate_by_round(samples)) rates.push_back(rate);
  const Interval interval = median_interval(rates, seed);
  return {median(rates), interval.lo, interval.hi, mad(rates), rates.size()};
}

Ratio paired_ratio(const std::vector<Sample>& numerator, const std::vector<Sample>& denominator,
                   std::uint64_t seed) {
  const auto above = rate_by_round(numerator);
  const auto below = rate_by_round(denominator);
  std::vector<double> a;
  std::vector<double> b;
  for (const auto& [round, rate] : above) {
    const auto partner = below.find(round);
    if (partner == below.end()) continue;
    a.push_back(rate);
    b.push_back(partner->second);
  }
  return paired_ratio(a, b, seed);
}

}  // namespace ryz::report
