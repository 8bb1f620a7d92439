#include "harness/diagnose/scaling.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

report::Cell cell(const std::string& kernel, unsigned threads, std::uint64_t ns_per_token) {
  report::Cell c;
  c.phase = "decode";
  c.kernel = kernel;
  c.encoding = "e";
  c.schedule = "g1";
  c.threads = threads;
  c.id = "decode/" + kernel + "/e/g1/t" + std::to_string(threads);
  c.status = report::Status::kOk;
  for (unsigned round = 0; round < 3; ++round) {
    // A machine that slows down: only pairs of one round say what a thread more is worth.
    c.samples.push_back({round, 0, 10, 10 * ns_per_token * (round + 1)});
  }
  c.tok_per_s = report::Throughput{1e9 / static_cast<double>(ns_per_token), 0, 0, 0, 3};
  return c;
}

TEST(ScalingCurves, PointsAreMeasuredOrSayWhyNot) {
  std::vector<report::Cell> cells{cell("a", 1, 1000), cell("a", 2, 600)};
  const auto curves = scaling_curves(cells, 4, 2);
  ASSERT_EQ(curves.size(), 1U);
  ASSERT_EQ(curves[0].points.size(), 4U);
  EXPECT_EQ(curves[0].points[1].state, "measured");
  EXPECT_NEAR(*curves[0].points[1].speedup, 1000.0 / 600.0, 1e-9);
  EXPECT_NEAR(*curves[0].points[1].efficiency, 1000.0 / 1200.0, 1e-9);
  EXPECT_EQ(curves[0].points[2].state, "not_measured");
  EXPECT_FALSE(curves[0].points[2].tok_per_s.has_value());
  EXPECT_EQ(curves[0].points[2].reason, "this machine has 2 physical cores");
  EXPECT_NEAR(*cells[1].speedup, 1000.0 / 600.0, 1e-9);
}

TEST(ScalingCurves, WrongCellsAreNoPoints) {
  std::vector<report::Cell> cells{cell("a", 1, 1000), cell("a", 2, 600)};
  cells[1].status = report::Status::kWrong;
  cells[1].tok_per_s.reset();
  const auto curves = scaling_curves(cells, 2, 2);
  ASSERT_EQ(curves.size(), 1U);
  EXPECT_EQ(curves[0].points[1].state, "not_measured");
}

TEST(ScalingCurves, WithoutOneThreadThereIsNoSpeedup) {
  std::vector<report::Cell> cells{cell("a", 2, 600), cell("b", 1, 600)};
  const auto curves = scaling_curves(cells, 2, 2);
  ASSERT_EQ(curves.size(), 2U);
  EXPECT_FALSE(curves[0].points[1].speedup.has_value());
  EXPECT_FALSE(cells[0].speedup.has_value());
}

}  // namespace
}  // namespace ryz
