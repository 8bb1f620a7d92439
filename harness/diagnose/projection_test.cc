#include "harness/diagnose/projection.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

// One loop of 1000 iterations of a microsecond that read 10 KB each, on 10 GB/s alone.
ProjectionSource source(bool from_memory) {
  ReplayStep step;
  step.loop.iteration_ns.assign(1000, 1000.0);
  step.loop.bytes_per_iteration = from_memory ? 10000.0 : 0.0;
  ProjectionSource s;
  s.steps = {step};
  s.from_memory = from_memory;
  return s;
}

report::Curve curve() {
  report::Curve c;
  c.points = {{1, "measured", "", "id/t1", 1000.0, 1.0, 1.0},
              {2, "measured", "", "id/t2", 1900.0, 1.9, 0.95},
              {3, "not_measured", "not asked for", "", {}, {}, {}},
              {8, "not_measured", "this machine has 3 cores", "", {}, {}, {}}};
  return c;
}

TEST(Projection, FillsOnlyWhatIsBeyondTheCores) {
  report::Curve c = curve();
  project_curve(c, source(false), {}, std::nullopt, 3);
  EXPECT_EQ(c.points[1].state, "measured");
  EXPECT_EQ(*c.points[1].tok_per_s, 1900.0);
  EXPECT_EQ(c.points[2].state, "not_measured");
  EXPECT_FALSE(c.points[2].tok_per_s);
  EXPECT_EQ(c.points[3].state, "projected");
  EXPECT_NEAR(*c.points[3].tok_per_s, 8000.0, 1e-6);
  EXPECT_NEAR(*c.points[3].efficiency, 1.0, 1e-9);
  ASSERT_TRUE(c.projection);
  EXPECT_EQ(c.projection->roof_source, "none");
  EXPECT_FALSE(c.projection->gb_per_s);
}

TEST(Projection, SaysHowFarItIsOffWhereThatCanBeChecked) {
  report::Curve c = curve();
  project_curve(c, source(false), {}, std::nullopt, 3);
  EXPECT_EQ(c.projection->checked_threads, 2U);
  EXPECT_NEAR(*c.projection->error_ratio, 2.0 / 1.9 - 1.0, 1e-9);
  EXPECT_NEAR(*c.projection->amdahl_serial_share, 2.0 / 1.9 - 1.0, 1e-9);
  EXPECT_FALSE(c.projection->usl_contention);  // one point above one thread
  EXPECT_TRUE(c.points[3].amdahl_speedup);
  EXPECT_FALSE(c.points[3].usl_speedup);
}

TEST(Projection, StopsAtTheRoof) {
  // 10 GB/s a thread; measured 16 with two, given 40.
  const std::vector<report::Bandwidth> roofs{{1, 10.0}, {2, 16.0}};
  report::Curve c = curve();
  project_curve(c, source(true), roofs, 40.0, 3);
  EXPECT_NEAR(*c.points[3].speedup, 4.0, 1e-9);
  EXPECT_EQ(c.projection->roof_source, "given");
  EXPECT_NEAR(*c.projection->error_ratio, 1.6 / 1.9 - 1.0, 1e-9);
  EXPECT_NE(c.points[3].reason.find("40 GB/s given"), std::string::npos);
  // Without one, no core more is worth anything beyond what was measured.
  c = curve();
  project_curve(c, source(true), roofs, std::nullopt, 3);
  EXPECT_NEAR(*c.points[3].speedup, 1.6, 1e-9);
  EXPECT_EQ(c.projection->roof_source, "measured");
}

TEST(Projection, WithoutOneThreadThereIsNone) {
  report::Curve c = curve();
  c.points.erase(c.points.begin());
  project_curve(c, source(false), {}, std::nullopt, 3);
  EXPECT_EQ(c.points[2].state, "not_measured");
  EXPECT_FALSE(c.projection);
}

}  // namespace
}  // namespace ryz
