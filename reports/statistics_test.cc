#include "reports/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ryz::report {
namespace {

using Values = std::vector<double>;

TEST(Statistics, MedianOfLiterals) {
  EXPECT_EQ(median(Values{3.0}), 3.0);
  EXPECT_EQ(median(Values{9.0, 1.0, 4.0}), 4.0);
  EXPECT_EQ(median(Values{4.0, 1.0, 2.0, 100.0}), 3.0);
}

TEST(Statistics, MadOfLiterals) {
  EXPECT_EQ(mad(Values{5.0}), 0.0);
  EXPECT_EQ(mad(Values{1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0}), 1.0);
}

TEST(Statistics, GeometricMeanOfLiterals) {
  EXPECT_NEAR(geometric_mean(Values{2.0, 8.0}), 4.0, 1e-12);
  EXPECT_TRUE(std::isnan(geometric_mean(Values{2.0, 0.0})));
}

TEST(Statistics, NothingToComputeFromIsNaN) {
  EXPECT_TRUE(std::isnan(median({})));
  EXPECT_TRUE(std::isnan(mad({})));
  EXPECT_TRUE(std::isnan(geometric_mean({})));
  EXPECT_TRUE(std::isnan(median(Values{1.0, std::numeric_limits<double>::quiet_NaN()})));
  EXPECT_TRUE(std::isnan(median_interval({}, 1).lo));
  const Ratio none = paired_ratio(Values{}, Values{}, 1);
  EXPECT_TRUE(std::isnan(none.ratio));
  EXPECT_EQ(none.n, 0u);
}

TEST(Statistics, IntervalOfFewValuesIsAsWideAsTheyAre) {
  const Interval one = median_interval(Values{7.0}, 42);
  EXPECT_EQ(one.lo, 7.0);
  EXPECT_EQ(one.hi, 7.0);
  const Interval five = median_interval(Values{10.0, 11.0, 12.0, 13.0, 14.0}, 42);
  EXPECT_EQ(five.lo, 10.0);
  EXPECT_EQ(five.hi, 14.0);
}

TEST(Statistics, TheSameSeedGivesTheSameInterval) {
  const Values values{1.0, 2.5, 2.0, 7.0, 3.0, 4.5, 2.2};
  EXPECT_EQ(median_interval(values, 7).lo, median_interval(values, 7).lo);
  EXPECT_EQ(median_interval(values, 7).hi, median_interval(values, 7).hi);
}

// Of 400 simulated runs, about 95 % of the intervals must hold the truth.
TEST(Statistics, IntervalsCoverTheTruth) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(100.0, 3.0);
  int covered = 0;
  for (std::uint64_t run = 0; run < 400; ++run) {
    Values values(11);
    for (double& v : values) v = noise(random);
    const Interval interval = median_interval(values, run);
    covered += interval.lo <= 100.0 && 100.0 <= interval.hi ? 1 : 0;
  }
  EXPECT_GE(covered, 360);
  EXPECT_LE(covered, 396);
}

TEST(Statistics, PairingCancelsWhatARoundHasInCommon) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> noise(0.0, 0.005);
  std::uniform_real_distribution<double> drift(0.5, 1.5);
  Values fast;
  Values slow;
  for (int round = 0; round < 10; ++round) {
    const double machine = drift(random);
    fast.push_back(60.0 * machine * (1.0 + noise(random)));
    slow.push_back(50.0 * machine * (1.0 + noise(random)));
  }
  const Ratio paired = paired_ratio(fast, slow, 42);
  EXPECT_EQ(paired.n, 10u);
  EXPECT_NEAR(paired.ratio, 1.2, 0.012);
  EXPECT_GT(paired.lo, 1.15);
  EXPECT_LT(paired.hi, 1.25);
  EXPECT_LE(paired.lo, paired.ratio);
  EXPECT_LE(paired.ratio, paired.hi);
}

TEST(Statistics, NoDifferenceIsNotFound) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> noise(1.0, 0.02);
  int found = 0;
  for (std::uint64_t run = 0; run < 200; ++run) {
    Values a(10);
    Values b(10);
    for (double& v : a) v = noise(random);
    for (double& v : b) v = noise(random);
    const Ratio ratio = paired_ratio(a, b, run);
    found += ratio.lo > 1.0 || ratio.hi < 1.0 ? 1 : 0;
  }
  EXPECT_LE(found, 24);
}

TEST(Statistics, UnusablePairsAreLeftOut) {
  const Ratio ratio = paired_ratio(Values{2.0, 0.0, 4.0, 5.0}, Values{1.0, 1.0, 2.0}, 1);
  EXPECT_EQ(ratio.n, 2u);
  EXPECT_NEAR(ratio.ratio, 2.0, 1e-12);
}

TEST(Statistics, SamplesArePairedByRound) {
  const std::vector<Sample> a{{0, 0, 10, 1000000000}, {1, 0, 10, 500000000}, {2, 0, 10, 1}};
  const std::vector<Sample> b{{1, 1, 10, 1000000000}, {0, 1, 10, 2000000000}};
  const Ratio ratio = paired_ratio(a, b, 42);
  EXPECT_EQ(ratio.n, 2u);
  EXPECT_NEAR(ratio.ratio, 2.0, 1e-12);
}

TEST(Statistics, ThroughputOfSamples) {
  const std::vector<Sample> samples{{0, 0, 30, 1000000000},
                                    {0, 5, 50, 1000000000},
                                    {1, 0, 42, 1000000000},
                                    {2, 0, 44, 1000000000},
                                    {3, 0, 44, 0}};
  const auto rates = rate_by_round(samples);
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_EQ(rates.at(0), 40.0);
  const Throughput t = throughput(samples, 42);
  EXPECT_EQ(t.median, 42.0);
  EXPECT_EQ(t.mad, 2.0);
  EXPECT_EQ(t.n, 3u);
  EXPECT_EQ(t.ci_lo, 40.0);
  EXPECT_EQ(t.ci_hi, 44.0);
  EXPECT_EQ(throughput({}, 42).n, 0u);
}

}  // namespace
}  // namespace ryz::report
