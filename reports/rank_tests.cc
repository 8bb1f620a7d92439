#include "reports/rank_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "reports/statistics.h"

namespace ryz::report {
namespace {

constexpr double kTail = 0.025;
constexpr std::size_t kMostExact = 80;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// Twice the mid-rank of each value, so that ties keep it whole.
std::vector<std::size_t> doubled_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<std::size_t> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = begin + end + 1;
    begin = end;
  }
  return ranks;
}

// How many of the subsets of `chosen` ranks have each sum; counts are exact in double up to 2^53
// and keep 15 digits beyond.
std::vector<double> subset_sums(const std::vector<std::size_t>& ranks, std::size_t chosen) {
  const std::size_t total = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(total + 1, 0.0));
  ways[0][0] = 1.0;
  std::size_t reached = 0;
  for (const std::size_t rank : ranks) {
    reached += rank;
    for (std::size_t k = chosen; k >= 1; --k) {
      for (std::size_t s = reached; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
    }
  }
  return ways[chosen];
}

double two_sided_normal(double z) { return std::min(1.0, std::erfc(std::abs(z) / std::sqrt(2.0))); }

double rank_sum_p(const std::vector<std::size_t>& ranks, std::size_t n_base, std::size_t n_fresh) {
  const std::size_t n = n_base + n_fresh;
  const std::size_t observed = std::accumulate(ranks.begin() + static_cast<std::ptrdiff_t>(n_base),
                                               ranks.end(), std::size_t{0});
  const std::size_t center = n_fresh * (n + 1);  // of doubled sums
  const auto distance = [&](std::size_t sum) { return sum > center ? sum - center : center - sum; };
  if (n <= kMostExact) {
    const std::vector<double> ways = subset_sums(ranks, n_fresh);
    double extreme = 0.0;
    double all = 0.0;
    for (std::size_t s = 0; s < ways.size(); ++s) {
      all += ways[s];
      if (distance(s) >= distance(observed)) extreme += ways[s];
    }
    return std::min(1.0, extreme / all);
  }
  double ties = 0.0;
  std::vector<std::size_t> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin + 1;
    while (end < sorted.size() && sorted[end] == sorted[begin]) ++end;
    const auto t = static_cast<double>(end - begin);
    ties += t * t * t - t;
    begin = end;
  }
  const auto m = static_cast<double>(n_base);
  const auto k = static_cast<double>(n_fresh);
  const auto both = static_cast<double>(n);
  const double variance = m * k / 12.0 * (both + 1.0 - ties / (both * (both - 1.0)));
  if (variance <= 0.0) return 1.0;
  const double away =
      std::max(0.0, 0.5 * static_cast<double>(distance(observed)) - 0.5);  // continuity
  return two_sided_normal(away / std::sqrt(variance));
}

// The sorted values' interval. With `tail` outcomes of the statistic in a tail (0 to tail - 1), the
// tail-th smallest and largest value bound it; without any, no values give 95 %.
void set_interval(const std::vector<double>& sorted, std::size_t tail, Shift& shift) {
  const std::size_t cut = std::min(tail > 0 ? tail - 1 : 0, (sorted.size() - 1) / 2);
  shift.lo = sorted[cut];
  shift.hi = sorted[sorted.size() - 1 - cut];
}

// How many of the smallest outcomes of a statistic have together at most the tail's probability.
std::size_t outcomes_in_tail(const std::vector<double>& ways) {
  const double all = std::accumulate(ways.begin(), ways.end(), 0.0);
  double below = 0.0;
  std::size_t count = 0;
  for (; count < ways.size(); ++count) {
    below += ways[count];
    if (below > kTail * all) break;
  }
  return count;
}

std::size_t normal_tail(double mean, double variance) {
  constexpr double kZ = 1.959963984540054;
  return static_cast<std::size_t>(std::max(0.0, std::floor(mean - kZ * std::sqrt(variance))));
}

std::size_t rank_sum_tail(std::size_t m, std::size_t k) {
  if (m + k > kMostExact) {
    const auto a = static_cast<double>(m);
    const auto b = static_cast<double>(k);
    return normal_tail(0.5 * a * b, a * b * (a + b + 1.0) / 12.0);
  }
  // U = rank sum - k (k + 1) / 2, without ties.
  std::vector<std::size_t> ranks(m + k);
  std::iota(ranks.begin(), ranks.end(), std::size_t{1});
  std::vector<double> ways = subset_sums(ranks, k);
  ways.erase(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(k * (k + 1) / 2));
  return outcomes_in_tail(ways);
}

std::size_t signed_rank_tail(std::size_t n) {
  if (n > kMostExact) {
    const auto k = static_cast<double>(n);
    return normal_tail(0.25 * k * (k + 1.0), k * (k + 1.0) * (2.0 * k + 1.0) / 24.0);
  }
  std::vector<double> ways(n * (n + 1) / 2 + 1, 0.0);
  ways[0] = 1.0;
  for (std::size_t rank = 1; rank <= n; ++rank) {
    for (std::size_t s = ways.size() - 1; s >= rank; --s) ways[s] += ways[s - rank];
  }
  return outcomes_in_tail(ways);
}

double sign_flip_p(std::span<const double> d, std::uint64_t seed) {
  double observed = 0.0;
  double size = 0.0;
  for (const double v : d) {
    observed += v;
    size += std::abs(v);
  }
  // Equal sums may differ by rounding.
  const double limit = std::abs(observed) - 1e-12 * size;
  constexpr std::size_t kMostPairs = 20;
  if (d.size() <= kMostPairs) {
    // One sign is fixed: the other half is its mirror image. Gray code flips one sign a step.
    const std::size_t patterns = std::size_t{1} << (d.size() - 1);
    std::vector<double> signs(d.size(), 1.0);
    std::size_t extreme = 0;
    for (std::size_t i = 0;;) {
      double sum = 0.0;
      for (std::size_t k = 0; k < d.size(); ++k) sum += signs[k] * d[k];
      extreme += std::abs(sum) >= limit ? 1 : 0;
      if (++i == patterns) break;
      const auto flip = static_cast<std::size_t>(__builtin_ctzll(i));
      signs[flip] = -signs[flip];
    }
    return static_cast<double>(extreme) / static_cast<double>(patterns);
  }
  constexpr std::size_t kFlips = std::size_t{1} << 17;
  SplitMix random(seed);
  std::size_t extreme = 1;  // the data themselves
  for (std::size_t i = 1; i < kFlips; ++i) {
    double sum = 0.0;
    for (std::size_t k = 0; k < d.size();) {
      for (std::uint64_t bits = random.next(), b = 0; b < 64 && k < d.size(); ++b, ++k) {
        sum += (bits >> b & 1) != 0 ? d[k] : -d[k];
      }
    }
    extreme += std::abs(sum) >= limit ? 1 : 0;
  }
  return static_cast<double>(extreme) / static_cast<double>(kFlips);
}

double choose(std::size_t n, std::size_t k) {
  double c = 1.0;
  for (std::size_t i = 1; i <= k; ++i) {
    c = c * static_cast<double>(n - k + i) / static_cast<double>(i);
  }
  return c;
}

// One bad cell among `cells` has the smallest p: what it is multiplied by.
double burden(std::size_t cells, Adjust method) {
  return method == Adjust::kNone ? 1.0 : static_cast<double>(std::max<std::size_t>(1, cells));
}

}  // namespace

Shift two_sample_shift(std::span<const double> base, std::span<const double> fresh) {
  Shift shift{kNaN, kNaN, kNaN, 1.0, base.size(), fresh.size()};
  if (base.empty() || fresh.empty() || !finite(base) || !finite(fresh)) return shift;
  std::vector<double> differences;
  differences.reserve(base.size() * fresh.size());
  for (const double b : base) {
    for (const double f : fresh) differences.push_back(f - b);
  }
  std::sort(differences.begin(), differences.end());
  shift.estimate = median(differences);
  set_interval(differences, rank_sum_tail(base.size(), fresh.size()), shift);
  std::vector<double> all(base.begin(), base.end());
  all.insert(all.end(), fresh.begin(), fresh.end());
  shift.p = rank_sum_p(doubled_ranks(all), base.size(), fresh.size());
  return shift;
}

Shift paired_shift(std::span<const double> d, std::uint64_t seed) {
  Shift shift{kNaN, kNaN, kNaN, 1.0, d.size(), d.size()};
  if (d.empty() || !finite(d)) return shift;
  std::vector<double> averages;
  averages.reserve(d.size() * (d.size() + 1) / 2);
  for (std::size_t i = 0; i < d.size(); ++i) {
    for (std::size_t k = i; k < d.size(); ++k) averages.push_back(0.5 * (d[i] + d[k]));
  }
  std::sort(averages.begin(), averages.end());
  shift.estimate = median(averages);
  set_interval(averages, signed_rank_tail(d.size()), shift);
  shift.p = sign_flip_p(d, seed);
  return shift;
}

double least_two_sample_p(std::size_t n_base, std::size_t n_fresh) {
  if (n_base == 0 || n_fresh == 0) return 1.0;
  return std::min(1.0, 2.0 / choose(n_base + n_fresh, n_fresh));
}

double least_paired_p(std::size_t n) {
  return n == 0 ? 1.0 : std::exp2(1.0 - static_cast<double>(n));
}

std::vector<double> adjusted(std::span<const double> p, Adjust method) {
  std::vector<double> q(p.begin(), p.end());
  if (method == Adjust::kNone) return q;
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  const auto m = static_cast<double>(p.size());
  if (method == Adjust::kHolm) {
    double most = 0.0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      most = std::max(most, (m - static_cast<double>(i)) * p[order[i]]);
      q[order[i]] = std::min(1.0, most);
    }
    return q;
  }
  double least = 1.0;
  for (std::size_t i = order.size(); i-- > 0;) {
    least = std::min(least, m / static_cast<double>(i + 1) * p[order[i]]);
    q[order[i]] = least;
  }
  return q;
}

std::size_t rounds_needed(std::size_t cells, double alpha, Adjust method) {
  std::size_t n = 1;
  while (n < 1000 && burden(cells, method) * least_two_sample_p(n, n) > alpha) ++n;
  return n;
}

std::size_t pairs_needed(std::size_t cells, double alpha, Adjust method) {
  std::size_t n = 1;
  while (n < 1000 && burden(cells, method) * least_paired_p(n) > alpha) ++n;
  return n;
}

}  // namespace ryz::report
