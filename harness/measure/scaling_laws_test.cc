#include "harness/measure/scaling_laws.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

TEST(Amdahl, FindsTheSerialShareItWasMadeOf) {
  std::vector<ScalingPoint> points{{1, 1}};
  EXPECT_FALSE(fit_amdahl(points));
  for (const double n : {2.0, 4.0, 8.0}) points.push_back({n, amdahl_speedup(0.1, n)});
  EXPECT_NEAR(*fit_amdahl(points), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(amdahl_speedup(0.5, 2), 1.0 / 0.75);
  // 10 % serial: five and a bit on eight cores.
  EXPECT_NEAR(amdahl_speedup(0.1, 8), 4.7059, 1e-4);
}

TEST(Amdahl, StaysAShare) {
  EXPECT_EQ(*fit_amdahl({{2, 2.2}}), 0.0);  // superlinear
  EXPECT_EQ(*fit_amdahl({{2, 0.5}}), 1.0);  // slower than one thread
}

TEST(Usl, FindsWhatItWasMadeOf) {
  const UslFit made{0.05, 0.01};
  std::vector<ScalingPoint> points;
  for (const double n : {1.0, 2.0, 3.0, 8.0}) points.push_back({n, usl_speedup(made, n)});
  const auto fit = fit_usl(points);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->contention, 0.05, 1e-10);
  EXPECT_NEAR(fit->coherency, 0.01, 1e-10);
  // It has a peak: more threads are slower.
  EXPECT_GT(usl_speedup(made, 10), usl_speedup(made, 30));
}

TEST(Usl, TwoParametersNeedTwoThreadCounts) {
  EXPECT_FALSE(fit_usl({}));
  EXPECT_FALSE(fit_usl({{1, 1}, {2, 1.8}, {2, 1.7}}));
  EXPECT_TRUE(fit_usl({{2, 1.8}, {3, 2.4}}));
}

TEST(Usl, ParametersAreNeverNegative) {
  // Ever better: both want to be negative.
  const auto better = fit_usl({{2, 2.1}, {4, 4.5}});
  ASSERT_TRUE(better);
  EXPECT_EQ(better->contention, 0.0);
  EXPECT_EQ(better->coherency, 0.0);
  // Pure contention, then a little less than that.
  const auto flat = fit_usl({{2, amdahl_speedup(0.2, 2)}, {8, amdahl_speedup(0.19, 8)}});
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->coherency, 0.0);
  EXPECT_NEAR(flat->contention, 0.19, 0.005);
}

}  // namespace
}  // namespace ryz
