// Known answers, and simulated noise whose truth is known: seeded, so the counts are fixed.
#include "reports/rank_tests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "reports/statistics.h"

namespace ryz::report {
namespace {

using Values = std::vector<double>;

// Standard normal, the same with every library (Box-Muller over SplitMix).
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double uniform() { return (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
  }
  Values around(double mean, double spread, std::size_t n) {
    Values values(n);
    for (double& v : values) v = mean + spread * normal();
    return values;
  }

 private:
  SplitMix random_;
};

TEST(RankTests, MannWhitneyOfLiterals) {
  // Complete separation: 2 of C(n + m, n) arrangements are as extreme.
  EXPECT_NEAR(two_sample_shift(Values{1, 2, 3}, Values{4, 5, 6}).p, 0.1, 1e-12);
  EXPECT_NEAR(two_sample_shift(Values{1, 2, 3, 4}, Values{5, 6, 7, 8}).p, 2.0 / 70, 1e-12);
  EXPECT_NEAR(two_sample_shift(Values{8, 7, 6, 5}, Values{4, 3, 2, 1}).p, 2.0 / 70, 1e-12);
  // One exchange: rank sums 10 and 11 below, their mirrors above: 4 of 70.
  EXPECT_NEAR(two_sample_shift(Values{1, 2, 3, 5}, Values{4, 6, 7, 8}).p, 4.0 / 70, 1e-12);
  // R: wilcox.test(c(0.80,0.83,1.89,1.04,1.45,1.38,1.91,1.64,0.73,1.46),
  //                c(1.15,0.88,0.90,0.74,1.21)) gives W = 35, p = 0.2544.
  EXPECT_NEAR(two_sample_shift(Values{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
                               Values{1.15, 0.88, 0.90, 0.74, 1.21})
                  .p,
              0.2544, 5e-5);
}

TEST(RankTests, TiesAreConditionedOn) {
  // All equal: every arrangement is as extreme as the one seen.
  EXPECT_EQ(two_sample_shift(Values{3, 3, 3}, Values{3, 3, 3}).p, 1.0);
  // Ranks 1.5 1.5 3.5 | 3.5 5 6: of 20 triples for the second side, the sums 14.5 (two: each 3.5)
  // are the largest, and their mirrors.
  EXPECT_NEAR(two_sample_shift(Values{1, 1, 2}, Values{2, 3, 4}).p, 4.0 / 20, 1e-12);
}

TEST(RankTests, HodgesLehmannOfLiterals) {
  const Shift s = two_sample_shift(Values{1, 2, 4}, Values{11, 12, 14});
  EXPECT_EQ(s.estimate, 10.0);
  EXPECT_EQ(s.lo, 7.0);  // too few for 95 %: the range of all differences
  EXPECT_EQ(s.hi, 13.0);
  // 4 and 4: P(U = 0) = 1/70 is in the tail, so the extreme differences bound 97 %.
  const Shift four = two_sample_shift(Values{0, 0.1, 0.2, 0.3}, Values{1, 1.1, 1.2, 1.3});
  EXPECT_NEAR(four.lo, 0.7, 1e-12);
  EXPECT_NEAR(four.hi, 1.3, 1e-12);
  EXPECT_NEAR(paired_shift(Values{1.0, 2.0, 6.0}).estimate, 2.75, 1e-12);  // 1 1.5 2 3.5 4 6
}

TEST(RankTests, SignFlipsOfLiterals) {
  EXPECT_NEAR(paired_shift(Values{1, 2, 3, 4}).p, 2.0 / 16, 1e-12);
  EXPECT_NEAR(paired_shift(Values{-1, 2, 3, 4}).p, 4.0 / 16, 1e-12);
  EXPECT_EQ(paired_shift(Values{0, 0, 0}).p, 1.0);
  EXPECT_EQ(paired_shift(Values{1, -1}).p, 1.0);
  EXPECT_NEAR(paired_shift(Values(12, 0.1)).p, std::exp2(-11), 1e-12);
  EXPECT_NEAR(paired_shift(Values(30, 0.1)).p, std::exp2(-17), 1e-12);  // simulated flips
}

TEST(RankTests, NothingToTestIsNoShift) {
  EXPECT_EQ(two_sample_shift({}, Values{1.0}).p, 1.0);
  EXPECT_TRUE(std::isnan(two_sample_shift({}, Values{1.0}).estimate));
  EXPECT_EQ(paired_shift({}).p, 1.0);
  const Values bad{1.0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_EQ(two_sample_shift(bad, bad).p, 1.0);
  EXPECT_EQ(paired_shift(bad).p, 1.0);
}

TEST(RankTests, LeastPAndRoundsNeeded) {
  EXPECT_NEAR(least_two_sample_p(8, 8), 2.0 / 12870, 1e-12);
  EXPECT_NEAR(least_paired_p(12), 1.0 / 2048, 1e-12);
  const Adjust bh = Adjust::kBenjaminiHochberg;
  EXPECT_EQ(rounds_needed(1, 0.05, bh), 4u);
  EXPECT_EQ(rounds_needed(6, 0.05, bh), 5u);
  EXPECT_EQ(rounds_needed(7, 0.05, bh), 6u);
  EXPECT_EQ(rounds_needed(85, 0.05, bh), 7u);
  EXPECT_EQ(rounds_needed(321, 0.05, bh), 8u);
  EXPECT_EQ(rounds_needed(322, 0.05, bh), 9u);
  EXPECT_EQ(rounds_needed(322, 0.05, Adjust::kNone), 4u);
  EXPECT_EQ(pairs_needed(25, 0.05, bh), 10u);
  EXPECT_EQ(pairs_needed(102, 0.05, bh), 12u);
}

TEST(RankTests, Adjustments) {
  const Values p{0.01, 0.04, 0.03, 0.005};
  const Values bh = adjusted(p, Adjust::kBenjaminiHochberg);
  EXPECT_NEAR(bh[0], 0.02, 1e-12);
  EXPECT_NEAR(bh[1], 0.04, 1e-12);
  EXPECT_NEAR(bh[2], 0.04, 1e-12);
  EXPECT_NEAR(bh[3], 0.02, 1e-12);
  const Values holm = adjusted(p, Adjust::kHolm);
  EXPECT_NEAR(holm[0], 0.03, 1e-12);
  EXPECT_NEAR(holm[1], 0.06, 1e-12);
  EXPECT_NEAR(holm[2], 0.06, 1e-12);
  EXPECT_NEAR(holm[3], 0.02, 1e-12);
  EXPECT_EQ(adjusted(p, Adjust::kNone), p);
  EXPECT_TRUE(adjusted({}, Adjust::kHolm).empty());
}

// No shift: p below alpha in at most alpha of the runs, intervals without zero in at most 5 %.
TEST(RankTests, FalseAlarmsOnNoise) {
  Noise noise(1);
  constexpr int kRuns = 2000;
  int two_sample = 0;
  int paired = 0;
  int outside = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Shift s = two_sample_shift(noise.around(4, 0.03, 8), noise.around(4, 0.03, 8));
    two_sample += s.p < 0.05 ? 1 : 0;
    outside += s.lo > 0.0 || s.hi < 0.0 ? 1 : 0;
    paired += paired_shift(noise.around(0, 0.03, 10)).p < 0.05 ? 1 : 0;
  }
  EXPECT_GT(two_sample, kRuns / 50);  // the test can fire
  EXPECT_LT(two_sample, kRuns * 6 / 100);
  EXPECT_LT(outside, kRuns * 6 / 100);
  EXPECT_GT(paired, kRuns / 50);
  EXPECT_LT(paired, kRuns * 6 / 100);
}

TEST(RankTests, APointAndItsIntervalCoverTheTruth) {
  Noise noise(2);
  constexpr int kRuns = 1000;
  int two_sample = 0;
  int paired = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Shift s = two_sample_shift(noise.around(0, 0.02, 10), noise.around(-0.1, 0.02, 10));
    two_sample += s.lo <= -0.1 && -0.1 <= s.hi ? 1 : 0;
    const Shift p = paired_shift(noise.around(-0.1, 0.02, 12));
    paired += p.lo <= -0.1 && -0.1 <= p.hi ? 1 : 0;
    EXPECT_LE(s.lo, s.estimate);
    EXPECT_LE(s.estimate, s.hi);
  }
  EXPECT_GE(two_sample, kRuns * 93 / 100);
  EXPECT_GE(paired, kRuns * 93 / 100);
}

TEST(RankTests, PowerOnARealShift) {
  Noise noise(3);
  constexpr int kRuns = 500;
  int found = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Shift s = two_sample_shift(noise.around(0, 0.03, 10), noise.around(-0.105, 0.03, 10));
    found += s.p * 8 < 0.05 && s.estimate < -0.05 ? 1 : 0;  // one of eight gated cells
  }
  EXPECT_GE(found, kRuns * 9 / 10);
}

// One wild value of ten moves the estimate by a fraction of the spread, not by a tenth of itself.
TEST(RankTests, OneWildValueMovesLittle) {
  Noise noise(4);
  Values fresh = noise.around(0, 0.01, 10);
  const Values base = noise.around(0, 0.01, 10);
  const double before = two_sample_shift(base, fresh).estimate;
  fresh[3] -= 5.0;
  EXPECT_NEAR(two_sample_shift(base, fresh).estimate, before, 0.01);
}

// Among many cells without any change, Benjamini-Hochberg lets one through in about alpha of runs.
TEST(RankTests, AdjustmentHoldsOverManyCells) {
  Noise noise(5);
  constexpr int kRuns = 300;
  int runs_with_alarm = 0;
  for (int run = 0; run < kRuns; ++run) {
    Values p;
    for (int cell = 0; cell < 24; ++cell) {
      p.push_back(two_sample_shift(noise.around(0, 1, 8), noise.around(0, 1, 8)).p);
    }
    const Values q = adjusted(p, Adjust::kBenjaminiHochberg);
    runs_with_alarm += std::any_of(q.begin(), q.end(), [](double v) { return v < 0.05; }) ? 1 : 0;
  }
  EXPECT_LE(runs_with_alarm, kRuns * 7 / 100);
}

TEST(RankTests, TheNormalApproximationAgreesWithTheExactOne) {
  Noise noise(6);
  const Values base = noise.around(0, 1, 40);
  const Values fresh = noise.around(0.5, 1, 40);
  const Shift exact = two_sample_shift(base, fresh);  // 80 values: exact
  Values more = fresh;
  more.push_back(0.5);
  const Shift approximate = two_sample_shift(base, more);
  EXPECT_NEAR(exact.p, approximate.p, 0.3 * exact.p + 0.01);
  EXPECT_NEAR(exact.lo, approximate.lo, 0.1);
}

}  // namespace
}  // namespace ryz::report
