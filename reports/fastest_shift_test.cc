// The shift between fast ends: parts, interval and exact p on literal series.
#include "reports/fastest_shift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace ryz::report {
namespace {

using Values = std::vector<double>;

// Six parts of four; the fastest of part i is `fastest[i]`, the others lie far below.
Values parts(const Values& fastest) {
  Values values;
  for (const double v : fastest) values.insert(values.end(), {v - 3.0, v, v - 2.0, v - 1.0});
  return values;
}

TEST(FastestShift, ThreeFastestPartsDecide) {
  const Shift s = fastest_shift(parts({10, 4, 11, 12, 3, 2}), parts({1, 9.5, 2, 8.5, 9, 0}));
  EXPECT_DOUBLE_EQ(s.estimate, 9.0 - 11.0);
  EXPECT_DOUBLE_EQ(s.lo, 8.5 - 12.0);
  EXPECT_DOUBLE_EQ(s.hi, 9.5 - 10.0);
  EXPECT_EQ(s.n_base, 24u);
}

TEST(FastestShift, OneLuckySampleDoesNotDecide) {
  Values lucky = parts({5, 5, 5, 5, 5, 5});
  lucky[7] = 50.0;
  const Shift s = fastest_shift(parts({5, 5, 5, 5, 5, 5}), lucky);
  EXPECT_DOUBLE_EQ(s.estimate, 0.0);
  EXPECT_LE(s.lo, 0.0);
}

TEST(FastestShift, PCountsWhatLiesBeyondTheOtherSide) {
  // Of 24 + 24 values the three largest are base's: 2 * (24/48) (23/47) (22/46).
  Values base(24, 0.0);
  base[0] = base[9] = base[20] = 1.0;
  const Values fresh(24, 0.5);
  const double expected = 2.0 * 24.0 / 48.0 * 23.0 / 47.0 * 22.0 / 46.0;
  EXPECT_NEAR(fastest_shift(base, fresh).p, expected, 1e-12);
  EXPECT_NEAR(fastest_shift(fresh, base).p, expected, 1e-12);
}

TEST(FastestShift, EqualSeriesHaveNoShift) {
  const Values v = parts({1, 2, 3, 4, 5, 6});
  const Shift s = fastest_shift(v, v);
  EXPECT_DOUBLE_EQ(s.estimate, 0.0);
  EXPECT_DOUBLE_EQ(s.p, 1.0);
}

TEST(FastestShift, UnevenCountsAreCutInProportion) {
  Values longer(31, 1.0);
  longer.back() = 2.0;
  longer.front() = 2.0;
  longer[15] = 2.0;  // three parts reach 2
  EXPECT_DOUBLE_EQ(fastest_shift(longer, Values(24, 2.0)).estimate, 0.0);
}

TEST(FastestShift, TooFewOrNoNumbersAreNone) {
  EXPECT_TRUE(std::isnan(fastest_shift(Values(23, 1.0), Values(24, 1.0)).estimate));
  Values broken(24, 1.0);
  broken[3] = std::numeric_limits<double>::quiet_NaN();
  const Shift s = fastest_shift(broken, Values(24, 1.0));
  EXPECT_TRUE(std::isnan(s.estimate));
  EXPECT_DOUBLE_EQ(s.p, 1.0);
}

}  // namespace
}  // namespace ryz::report
