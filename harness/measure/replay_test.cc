#include "harness/measure/replay.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

constexpr LoopSpec kBlocks{LoopKind::kStatic, 0};

TracedStep serial(std::uint64_t ticks) {
  TracedStep step;
  step.units = 1;
  step.own_ticks = ticks;
  return step;
}

TracedStep loop(std::size_t n, std::vector<TracedChunk> chunks) {
  TracedStep step;
  step.n = n;
  step.spec = kBlocks;
  for (const TracedChunk& c : chunks) step.loop_ticks += c.ticks;
  step.chunks = std::move(chunks);
  return step;
}

// A serial step of 100 ns, a loop of 800, a head of 200; two ticks a nanosecond.
WorkerTrace one_thread() {
  WorkerTrace w;
  w.steps = {serial(200), loop(8, {{0, 4, 1200}, {4, 8, 400}}), {}};
  w.steps[2].own_ticks = 400;
  return w;
}

TEST(ReplaySteps, HoldsEachIterationsTimeAndItsShareOfTheBytes) {
  const auto steps = replay_steps(one_thread(), 0, 0.5, 4000.0, 900.0);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_DOUBLE_EQ(steps[0].own_ns, 100.0);
  EXPECT_EQ(steps[0].units, 1U);
  EXPECT_DOUBLE_EQ(steps[1].loop.iteration_ns[0], 150.0);
  EXPECT_DOUBLE_EQ(steps[1].loop.iteration_ns[7], 50.0);
  EXPECT_DOUBLE_EQ(steps[1].loop.bytes_per_iteration, 500.0);
  EXPECT_DOUBLE_EQ(steps[2].own_bytes, 900.0);
  EXPECT_EQ(replay_steps(one_thread(), 1, 0.5, 0, 0).size(), 2U);
}

TEST(ReplaySteps, AHeadThatIsALoopReadsItsBytesThere) {
  WorkerTrace w = one_thread();
  w.steps[2] = loop(4, {{0, 4, 400}});
  const auto steps = replay_steps(w, 0, 0.5, 4000.0, 900.0);
  EXPECT_DOUBLE_EQ(steps[1].loop.bytes_per_iteration, 500.0);  // all of the weights
  EXPECT_DOUBLE_EQ(steps[2].loop.bytes_per_iteration, 225.0);
  EXPECT_DOUBLE_EQ(steps[2].own_bytes, 0.0);
}

TEST(Replay, OneCoreTakesWhatItTook) {
  EXPECT_DOUBLE_EQ(replay_ns(replay_steps(one_thread(), 0, 0.5, 0, 0), {1, 0, 0, 0}), 1100.0);
}

TEST(Replay, MoreCoresShareWhatCanBeShared) {
  const auto steps = replay_steps(one_thread(), 0, 0.5, 0, 0);
  // Serial 100; blocks of 600 and 200; the head in halves.
  EXPECT_DOUBLE_EQ(replay_ns(steps, {2, 0, 0, 0}), 100.0 + 600.0 + 100.0);
  // A barrier after each step, one more at the loop's end.
  EXPECT_DOUBLE_EQ(replay_ns(steps, {2, 0, 10, 0}), 800.0 + 4 * 10.0);
}

TEST(Attribution, SharesOfEachThread) {
  TeamTrace trace;
  trace.workers.resize(2);
  WorkerTrace& a = trace.workers[0];
  a.busy = 900;
  a.dispatch = 50;
  a.wait = 50;
  a.chunks = 6;
  a.barriers = 4;
  a.clock_reads = 20;
  a.steps = {serial(300), loop(4, {{0, 2, 600}})};
  WorkerTrace& b = trace.workers[1];
  b.busy = 400;
  b.wait = 600;
  b.chunks = 2;
  b.steps = {serial(0), loop(4, {{2, 4, 400}})};
  const report::Attribution out = attribution(trace, 2.0, 0.5, 10.0);
  ASSERT_EQ(out.threads.size(), 2U);
  EXPECT_DOUBLE_EQ(out.threads[0].busy_ratio, 0.9);
  EXPECT_DOUBLE_EQ(out.threads[0].dispatch_ratio, 0.05);
  EXPECT_DOUBLE_EQ(out.threads[1].wait_ratio, 0.6);
  EXPECT_DOUBLE_EQ(out.serial_ratio, 0.3);
  EXPECT_DOUBLE_EQ(out.imbalance_ratio, 0.2);  // 600 of a mean of 500
  EXPECT_DOUBLE_EQ(out.chunks_per_token, 4.0);
  EXPECT_DOUBLE_EQ(out.barriers_per_token, 2.0);
  EXPECT_DOUBLE_EQ(out.overhead_ratio, 20 * 10.0 / 500.0);
}

// Two threads' steps, each of so many ticks.
report::Attribution of_steps(std::vector<TracedStep> a, std::vector<TracedStep> b) {
  TeamTrace trace;
  trace.workers.resize(2);
  trace.workers[0].steps = std::move(a);
  trace.workers[1].steps = std::move(b);
  for (WorkerTrace& w : trace.workers) {
    for (const TracedStep& s : w.steps) w.busy += s.own_ticks + s.loop_ticks;
  }
  trace.workers[1].wait = trace.workers[0].busy - trace.workers[1].busy;
  return attribution(trace, 1.0, 1.0, 0.0);
}

TEST(Attribution, AStepOfOneThreadIsSerialWhateverItCouldBeSplitInto) {
  TracedStep shareable = serial(500);
  shareable.units = 0;
  TracedStep idle;
  idle.own_ticks = 50;
  EXPECT_DOUBLE_EQ(of_steps({shareable}, {idle}).serial_ratio, 1.0);
  idle.own_ticks = 51;
  EXPECT_DOUBLE_EQ(of_steps({shareable}, {idle}).serial_ratio, 0.0);
}

TEST(Attribution, ALoopThatOneThreadRanAloneIsUnbalancedUnlessItHasOneIteration) {
  const auto dealt = of_steps({loop(2, {{0, 2, 500}})}, {loop(2, {})});
  EXPECT_DOUBLE_EQ(dealt.serial_ratio, 0.0);
  EXPECT_DOUBLE_EQ(dealt.imbalance_ratio, 1.0);
  const auto whole = of_steps({loop(1, {{0, 1, 500}})}, {loop(1, {})});
  EXPECT_DOUBLE_EQ(whole.serial_ratio, 1.0);
  EXPECT_DOUBLE_EQ(whole.imbalance_ratio, 0.0);
}

TEST(Attribution, NothingTracedIsNothingSaid) {
  EXPECT_TRUE(attribution({}, 1.0, 1.0, 1.0).threads.empty());
}

TEST(TeamCosts, AreTimesOfThisMachine) {
  Team team({2, {}});
  std::uint64_t fake = 0;
  // A clock that ticks 2,000,000 ns a reading: the mechanics' own time does not matter.
  const TeamCosts costs = measure_team_costs(team, [&] { return fake += 2000000; });
  EXPECT_DOUBLE_EQ(costs.dispatch_ns, 200.0);
  EXPECT_DOUBLE_EQ(costs.barrier_ns, 1000.0);
  EXPECT_DOUBLE_EQ(costs.clock_read_ns, 100.0);
}

}  // namespace
}  // namespace ryz
