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

// A cell whose rounds took so many ms a token, and read 100 MB a thread at so many GB/s before.
report::Cell timed(const char* id, unsigned threads, const std::vector<double>& ms,
                   const std::vector<double>& gb_per_s) {
  report::Cell cell;
  cell.id = id;
  cell.threads = threads;
  for (unsigned round = 0; round < ms.size(); ++round) {
    report::Sample s;
    s.round = round;
    s.tokens = 2;
    s.time_ns = static_cast<std::uint64_t>(2e6 * ms[round]);
    s.reference_memory_ns = static_cast<std::uint64_t>(threads * 1e8 / gb_per_s[round]);
    cell.samples.push_back(s);
  }
  return cell;
}

std::optional<report::Prediction> prediction(const report::Cell& one, const report::Cell& many,
                                             const ProjectionSource& from, double passes = 1.0) {
  const std::vector<report::Cell> cells{one, many};
  return predict(one, many, from, passes, bandwidth_by_round(cells, one, 1e8),
                 bandwidth_by_round(cells, many, 1e8), slowdown_by_round(cells, many.threads));
}

TEST(Projection, FillsOnlyWhatIsBeyondTheCores) {
  report::Curve c = curve();
  project_curve(c, source(false), {{}, {}}, std::nullopt, 3);
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
  project_curve(c, source(false), {{}, {}}, std::nullopt, 3);
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
  project_curve(c, source(true), {roofs, {}}, 40.0, 3);
  EXPECT_NEAR(*c.points[3].speedup, 4.0, 1e-9);
  EXPECT_EQ(c.projection->roof_source, "given");
  EXPECT_NEAR(*c.projection->error_ratio, 1.6 / 1.9 - 1.0, 1e-9);
  EXPECT_NE(c.points[3].reason.find("40 GB/s given"), std::string::npos);
  // Without one, no core more is worth anything beyond what was measured.
  c = curve();
  project_curve(c, source(true), {roofs, {}}, std::nullopt, 3);
  EXPECT_NEAR(*c.points[3].speedup, 1.6, 1e-9);
  EXPECT_EQ(c.projection->roof_source, "measured");
}

TEST(Projection, WhatWasWorkAloneStaysWorkUnderTheRoof) {
  // A microsecond an iteration, half of it waiting where bare reading does 20 GB/s. Two threads
  // under 15 GB/s wait 4/3 for 10 KB.
  const std::vector<report::Bandwidth> roofs{{1, 20.0}, {2, 15.0}};
  report::Curve c = curve();
  project_curve(c, source(true), {roofs, {}}, 40.0, 3);
  EXPECT_NEAR(*c.projection->error_ratio, 2.0 / (0.5 + 4.0 / 3.0) / 1.9 - 1.0, 1e-9);
  // Eight under 40: 2 to wait.
  EXPECT_NEAR(*c.points[3].speedup, 8.0 / 2.5, 1e-9);
}

TEST(Projection, AChunkAwayFromItsThreadsLastOneStartsAnew) {
  ProjectionSource s = source(false);
  s.restart_ns = 500.0;
  s.steps[0].loop.restart_ns = 500.0;
  s.steps[0].spec = {LoopKind::kStatic, 1};
  report::Curve c = curve();
  project_curve(c, s, {{}, {}}, std::nullopt, 3);
  EXPECT_NEAR(*c.points[3].speedup, 8.0 / 1.5, 1e-9);
  EXPECT_NE(c.points[3].reason.find("500 ns more for one begun anew"), std::string::npos);
  // In rounds that were twice as slow a restart is too.
  const auto p = prediction(timed("one", 1, {2.0}, {10}), timed("two", 2, {1.5}, {20}), s);
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->error_ratio, 0.0, 1e-9);
}

TEST(Projection, WithoutOneThreadThereIsNone) {
  report::Curve c = curve();
  c.points.erase(c.points.begin());
  project_curve(c, source(false), {{}, {}}, std::nullopt, 3);
  EXPECT_EQ(c.points[2].state, "not_measured");
  EXPECT_FALSE(c.projection);
}

TEST(Predict, FromCachesHalvesTheTimeOfTheSameRound) {
  // The traced loop took 1 ms; these rounds were slower, and each by another amount.
  const auto one = timed("one", 1, {2.0, 4.0, 8.0}, {10, 10, 10});
  const auto two = timed("two", 2, {1.0, 2.0, 4.0}, {20, 20, 20});
  const auto p = prediction(one, two, source(false));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->cell_id, "two");
  EXPECT_EQ(p->one_thread_cell_id, "one");
  EXPECT_EQ(p->rounds, 3U);
  EXPECT_NEAR(p->measured_ms, 2.0, 1e-9);
  EXPECT_NEAR(p->predicted_ms, 2.0, 1e-9);
  EXPECT_NEAR(p->error_ratio, 0.0, 1e-9);
  EXPECT_NEAR(p->error_hi, 0.0, 1e-9);
  EXPECT_DOUBLE_EQ(p->limit_ratio, kPredictionLimit);
  EXPECT_FALSE(p->gb_per_s);
}

TEST(Predict, FromMemoryIsHeldByTheBandwidthOfTheRound) {
  // 10 MB a token in 1 ms alone. With 16 GB/s two threads take 0.625 ms, with 12.5 0.8.
  const auto one = timed("one", 1, {1.0, 1.0}, {10, 10});
  const auto two = timed("two", 2, {0.625, 1.0}, {16, 12.5});
  const auto p = prediction(one, two, source(true));
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->predicted_ms, (0.625 + 0.8) / 2, 1e-6);
  EXPECT_NEAR(p->error_lo, -0.2, 1e-6);
  EXPECT_NEAR(p->error_hi, 0.0, 1e-6);
  EXPECT_NEAR(*p->gb_per_s, (16 + 12.5) / 2, 1e-6);
}

TEST(Predict, WhatWasWorkAloneStaysWorkUnderTheBandwidthOfTheRound) {
  // 10 MB a token in 1 ms alone, where bare reading took half of that. Two threads that read 12.5
  // GB/s wait 0.8 ms each for their 5 MB, and work 0.25.
  const auto one = timed("one", 1, {1.0}, {20});
  const auto two = timed("two", 2, {1.0}, {12.5});
  const auto p = prediction(one, two, source(true));
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->predicted_ms, 1.05, 1e-6);
}

// Fixed work took so many ns before a cell's samples, by round.
report::Cell worked(report::Cell cell, const std::vector<std::uint64_t>& ns) {
  for (report::Sample& s : cell.samples) s.reference_compute_ns = ns[s.round];
  return cell;
}

TEST(Predict, CpusThatShareACoreTakeTurnsAtItsWork) {
  // Alone 2 ms a token; in the first round the two threads' fixed work took twice as long, in the
  // second as long as alone, in the third (a reading's noise) less.
  const auto one = worked(timed("one", 1, {2.0, 2.0, 2.0}, {10, 10, 10}), {1000, 1000, 1000});
  const auto two = worked(timed("two", 2, {2.0, 1.0, 1.0}, {20, 20, 20}), {2000, 1000, 990});
  const auto p = prediction(one, two, source(false));
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->error_lo, 0.0, 1e-9);
  EXPECT_NEAR(p->error_hi, 0.0, 1e-9);
  EXPECT_NEAR(*p->work_slowdown, 1.0, 1e-9);
  // From memory only the half that was not waiting takes longer: 10 MB alone in 1 ms, half of it
  // for bytes; of two threads each waits 0.2 ms for its 5 MB and works 2 · 0.25.
  const auto p2 = prediction(worked(timed("one", 1, {1.0}, {20}), {1000}),
                             worked(timed("two", 2, {0.7}, {50}), {2000}), source(true));
  ASSERT_TRUE(p2);
  // (alone it had waited 0.25 ms for them: no faster than that)
  EXPECT_NEAR(p2->predicted_ms, 0.75, 1e-6);
  EXPECT_NEAR(*p2->work_slowdown, 2.0, 1e-9);
}

TEST(SlowdownByRound, IsTheLeastOfTheRoundsReadings) {
  // One of two cells on two threads began on one CPU in the first round; nothing is known of the
  // third without one thread's reading.
  std::vector<report::Cell> cells{
      worked(timed("one", 1, {1, 1}, {10, 10}), {1000, 1000}),
      worked(timed("a", 2, {1, 1, 1}, {10, 10, 10}), {2100, 1500, 1000}),
      worked(timed("b", 2, {1, 1, 1}, {10, 10, 10}), {1020, 1600, 1000})};
  EXPECT_EQ(slowdown_by_round(cells, 2), (SlowdownByRound{{0, 1.02}, {1, 1.5}}));
  cells[2].samples[0].reference_compute_ns = 990;
  EXPECT_EQ(slowdown_by_round(cells, 2), (SlowdownByRound{{0, 1.0}, {1, 1.5}}));
}

TEST(Projection, TheCheckKnowsHowMuchTheThreadsMultiply) {
  // Two threads multiply 1.25 times what one does: 1.6 times as long each.
  const std::vector<report::MultiplyRate> rates{{1, 200.0}, {2, 250.0}};
  report::Curve c = curve();
  project_curve(c, source(false), {{}, rates}, std::nullopt, 3);
  EXPECT_NEAR(*c.projection->error_ratio, 1.25 / 1.9 - 1.0, 1e-9);
  EXPECT_NEAR(*c.points[3].speedup, 8.0, 1e-9);  // on cores of their own
}

TEST(BandwidthByRound, IsTheMedianOfTheRoundsLikeReadings) {
  std::vector<report::Cell> cells{timed("a", 2, {1, 1}, {10, 40}), timed("b", 2, {1, 1}, {20, 50}),
                                  timed("c", 2, {1}, {60}), timed("one", 1, {1}, {5})};
  EXPECT_EQ(bandwidth_by_round(cells, cells[0], 1e8), (BandwidthByRound{{0, 20.0}, {1, 45.0}}));
  EXPECT_EQ(bandwidth_by_round(cells, cells[3], 1e8), (BandwidthByRound{{0, 5.0}}));
  // Rounds of another encoding, or on other CPUs, are others.
  cells[1].encoding = "other";
  cells[2].axes["pin"] = "none";
  EXPECT_EQ(bandwidth_by_round(cells, cells[0], 1e8), (BandwidthByRound{{0, 10.0}, {1, 40.0}}));
  cells[0].samples[0].reference_memory_ns.reset();
  EXPECT_EQ(bandwidth_by_round(cells, cells[0], 1e8), (BandwidthByRound{{1, 40.0}}));
}

TEST(Predict, ABatchIsPredictedAsAWhole) {
  // Ten tokens a batch: the traced millisecond stands for all of them.
  const auto one = timed("one", 1, {0.1}, {10});
  const auto two = timed("two", 2, {0.05}, {20});
  const auto p = prediction(one, two, source(false), 10.0);
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->predicted_ms, 0.05, 1e-9);
}

TEST(Predict, WithoutACommonRoundThereIsNone) {
  const auto one = timed("one", 1, {1.0}, {10});
  auto two = timed("two", 2, {0.5}, {20});
  EXPECT_FALSE(prediction(one, two, ProjectionSource{}));
  two.samples[0].round = 1;
  EXPECT_FALSE(prediction(one, two, source(false)));
}

}  // namespace
}  // namespace ryz
