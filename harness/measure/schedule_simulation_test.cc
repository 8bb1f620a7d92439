// Chunk lists short enough to be scheduled by hand.
#include "harness/measure/schedule_simulation.h"

#include <gtest/gtest.h>

#include <numeric>

namespace ryz {
namespace {

using Times = std::vector<double>;

constexpr LoopSpec kBlocks{LoopKind::kStatic, 0};
constexpr LoopSpec dynamic(std::size_t grain) { return {LoopKind::kDynamic, grain}; }

SimulatedMachine machine(unsigned cores) { return {cores, 0.0, 0.0, 0.0}; }

double makespan(Times costs, LoopSpec spec, const SimulatedMachine& m) {
  return simulate_loop({std::move(costs)}, spec, m).makespan_ns;
}

TEST(SimulateLoop, OneCoreTakesTheSum) {
  for (const LoopSpec spec : {kBlocks, dynamic(1), dynamic(3), LoopSpec{LoopKind::kGuided, 1},
                              LoopSpec{LoopKind::kStealing, 1}}) {
    EXPECT_DOUBLE_EQ(makespan({5, 1, 4, 2}, spec, machine(1)), 12.0);
  }
}

TEST(SimulateLoop, StaticBlocksWaitForTheSlowest) {
  // {5, 1} and {4, 2}
  EXPECT_DOUBLE_EQ(makespan({5, 1, 4, 2}, kBlocks, machine(2)), 6.0);
  // {9, 1} and {1, 1}
  const SimulatedLoop loop = simulate_loop({{9, 1, 1, 1}, 0.0}, kBlocks, machine(2));
  EXPECT_DOUBLE_EQ(loop.makespan_ns, 10.0);
  EXPECT_EQ(loop.busy_ns, (Times{10, 2}));
  EXPECT_EQ(loop.wait_ns, (Times{0, 8}));
  EXPECT_EQ(loop.chunks, 2U);
}

TEST(SimulateLoop, StaticGrainsGoRoundRobin) {
  // Core 0: 5, 4, 3; core 1: 1, 2.
  EXPECT_DOUBLE_EQ(makespan({5, 1, 4, 2, 3}, {LoopKind::kStatic, 1}, machine(2)), 12.0);
  // Core 0: {5, 1} and {3}; core 1: {4, 2}.
  EXPECT_DOUBLE_EQ(makespan({5, 1, 4, 2, 3}, {LoopKind::kStatic, 2}, machine(2)), 9.0);
}

TEST(SimulateLoop, StaticBlocksKeepTheAlignment) {
  // Six iterations in units of four: {0..4} and {4..6}.
  const SimulatedLoop loop = simulate_loop({Times(6, 1.0), 0.0}, kBlocks, machine(2), 4);
  EXPECT_EQ(loop.busy_ns, (Times{4, 2}));
}

TEST(SimulateLoop, WorkTakesLongerWhileAnotherRuns) {
  SimulatedMachine m = machine(2);
  m.work_slowdown = 2.0;
  EXPECT_DOUBLE_EQ(makespan({3, 3}, kBlocks, m), 6.0);
  // {5} and {1}: until 2 both run at half speed, then the first has 4 left to itself.
  EXPECT_DOUBLE_EQ(makespan({5, 1}, kBlocks, m), 6.0);
  EXPECT_DOUBLE_EQ(makespan({5}, kBlocks, m), 5.0);
  // What one core does alone nobody slows.
  EXPECT_DOUBLE_EQ(simulate_step_ns(10.0, 1, m), 10.0);
  EXPECT_DOUBLE_EQ(simulate_step_ns(10.0, 2, m), 10.0);
  EXPECT_DOUBLE_EQ(simulate_step_ns(10.0, 4, machine(2)), 5.0);
}

TEST(SimulateLoop, DynamicGoesToWhoeverIsFree) {
  // Core 0: 5; core 1: 1, 4; at 5 core 0 takes 2, core 1 takes 3.
  EXPECT_DOUBLE_EQ(makespan({5, 1, 4, 2, 3}, dynamic(1), machine(2)), 8.0);
  // Core 0: {9}; core 1: all the rest.
  EXPECT_DOUBLE_EQ(makespan({9, 1, 1, 1}, dynamic(1), machine(2)), 9.0);
  // The long one last.
  EXPECT_DOUBLE_EQ(makespan({1, 1, 1, 9}, dynamic(1), machine(2)), 10.0);
}

TEST(SimulateLoop, GuidedTakesHalfOfWhatIsLeftOfTwoCores) {
  // Eight of 1: 4 | 2, then 1 and the last: core 0 is at 4, core 1 at 2 takes 1, at 3 takes 1.
  const SimulatedLoop loop =
      simulate_loop({Times(8, 1.0), 0.0}, {LoopKind::kGuided, 1}, machine(2));
  EXPECT_EQ(loop.chunks, 4U);
  EXPECT_DOUBLE_EQ(loop.makespan_ns, 4.0);
  // Chunks are whole grains: {0..3}, {3..6}, {6..8} of eight by three.
  const SimulatedLoop coarse =
      simulate_loop({Times(8, 1.0), 0.0}, {LoopKind::kGuided, 3}, machine(2));
  EXPECT_EQ(coarse.chunks, 3U);
  EXPECT_DOUBLE_EQ(coarse.makespan_ns, 5.0);
}

TEST(SimulateLoop, StealingHalvesBlocksAndThenTakesFromOthersEnds) {
  // Core 0 owns 4 of 4 ns, core 1 four of 1 ns: {4,5} {6} {7} by itself in 4 ns; of core 0's block,
  // where {0,1} is under way until 8, it takes {3} until 8. Core 0 goes on with {2}.
  const SimulatedLoop loop =
      simulate_loop({{4, 4, 4, 4, 1, 1, 1, 1}, 0.0}, {LoopKind::kStealing, 1}, machine(2));
  EXPECT_EQ(loop.busy_ns, (Times{12, 8}));
  EXPECT_EQ(loop.chunks, 6u);
  // One that begins where its core's last one ended does not begin anew.
  const SimulatedLoop anew =
      simulate_loop({{4, 4, 4, 4, 1, 1, 1, 1}, 0.0, 0.5}, {LoopKind::kStealing, 1}, machine(2));
  EXPECT_EQ(anew.busy_ns, (Times{12, 9}));  // core 1: its block, and {3}
}

TEST(SimulateLoop, TakingAChunkCostsAndSoDoesFindingNoneLeft) {
  SimulatedMachine m = machine(2);
  m.dispatch_ns = 10;
  // Each core: take, 1, take, 1, find none.
  const SimulatedLoop loop = simulate_loop({Times(4, 1.0), 0.0}, dynamic(1), m);
  EXPECT_DOUBLE_EQ(loop.makespan_ns, 32.0);
  EXPECT_EQ(loop.dispatch_ns, (Times{30, 30}));
  EXPECT_EQ(loop.busy_ns, (Times{2, 2}));
  // Static loops have no shared counter.
  EXPECT_DOUBLE_EQ(makespan(Times(4, 1.0), kBlocks, m), 2.0);
}

TEST(SimulateLoop, TheBarrierComesOnceAndOnlyWithCompany) {
  SimulatedMachine m = machine(2);
  m.barrier_ns = 7;
  EXPECT_DOUBLE_EQ(makespan(Times(4, 1.0), kBlocks, m), 9.0);
  m.cores = 1;
  EXPECT_DOUBLE_EQ(makespan(Times(4, 1.0), kBlocks, m), 4.0);
}

TEST(SimulateLoop, ARoofSlowsWhatDrawsMoreThanItGives) {
  // Each core alone draws 10 bytes a ns; two would need 20.
  const LoopCosts costs{Times(8, 1.0), 10.0};
  SimulatedMachine m = machine(2);
  m.gb_per_s = 20.0;
  EXPECT_DOUBLE_EQ(simulate_loop(costs, kBlocks, m).makespan_ns, 4.0);
  m.gb_per_s = 15.0;  // 80 bytes
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 80.0 / 15.0, 1e-9);
  m.gb_per_s = 10.0;  // no better than one core
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 8.0, 1e-9);
  m.cores = 8;
  EXPECT_NEAR(simulate_loop(costs, dynamic(1), m).makespan_ns, 8.0, 1e-9);
}

TEST(SimulateLoop, WhatOneCoreDoesNotNeedGoesToTheOther) {
  // Equal bytes an iteration: the slow iteration (4 ns) draws 2 a ns, the fast (1 ns) 8 a ns.
  // Together 10 of a roof of 9: the fast gets 7 and takes 8/7 ns; then the slow goes on alone.
  SimulatedMachine m = machine(2);
  m.gb_per_s = 9.0;
  const SimulatedLoop loop = simulate_loop({{4, 1}, 8.0}, kBlocks, m);
  EXPECT_NEAR(loop.makespan_ns, 4.0, 1e-9);
  EXPECT_NEAR(loop.busy_ns[1], 8.0 / 7.0, 1e-9);
}

TEST(SimulateLoop, ACoreWorksAsLongAsItDidAndWaitsAsLongAsItsShareTakes) {
  // Alone an iteration reads 8 bytes in 4 ns: 1 ns of that is waiting, where bare reading takes 8
  // bytes a ns. Two cores that share 4 wait 4 ns each.
  const LoopCosts costs{Times(4, 4.0), 8.0};
  SimulatedMachine m = machine(2);
  m.gb_per_s = 4.0;
  m.alone_gb_per_s = 8.0;
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 2 * (3.0 + 4.0), 1e-9);
  EXPECT_NEAR(simulate_loop(costs, dynamic(1), m).makespan_ns, 2 * (3.0 + 4.0), 1e-9);
  // A core that is left alone has all 4.
  EXPECT_NEAR(simulate_loop({Times(3, 4.0), 8.0}, {LoopKind::kStatic, 2}, m).makespan_ns,
              7.0 + 3.0 + 2.0, 1e-9);
  // Of 7 both draw 2 and leave 3: each has 5, and waits 1.6. Of 12 there are 10, more than alone.
  m.gb_per_s = 7.0;
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 2 * (3.0 + 1.6), 1e-9);
  m.gb_per_s = 12.0;
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 8.0, 1e-9);
  // What drew more than bare reading did was waiting all the time.
  m.gb_per_s = 2.0;
  m.alone_gb_per_s = 1.0;
  EXPECT_NEAR(simulate_loop(costs, kBlocks, m).makespan_ns, 32.0 / 2.0, 1e-9);
}

TEST(SimulateLoop, AChunkThatDoesNotFollowItsCoresLastOneStartsAnew) {
  const LoopCosts costs{Times(8, 1.0), 0.0, 10.0};
  // One core goes on from chunk to chunk, whatever the grain.
  EXPECT_DOUBLE_EQ(simulate_loop(costs, dynamic(1), machine(1)).makespan_ns, 8.0);
  EXPECT_DOUBLE_EQ(simulate_loop(costs, {LoopKind::kGuided, 1}, machine(1)).makespan_ns, 8.0);
  // Blocks: the second core's only. Four chunks of one each: core 0 begins where it stood.
  EXPECT_EQ(simulate_loop(costs, kBlocks, machine(2)).busy_ns, (Times{4, 14}));
  EXPECT_EQ(simulate_loop(costs, {LoopKind::kStatic, 1}, machine(2)).busy_ns, (Times{34, 44}));
  EXPECT_EQ(simulate_loop(costs, {LoopKind::kStatic, 2}, machine(2)).busy_ns, (Times{14, 24}));
  const SimulatedLoop loop =
      simulate_loop({{1, 1, 1, 1, 1, 1, 1, 1}, 0.0, 2.5}, dynamic(1), machine(2));
  // Core 0: {0} to 1, {2} to 4.5, {4} to 8, {6} to 11.5; core 1: {1} to 3.5, {3} to 7, {5} to
  // 10.5, {7} to 14.
  EXPECT_EQ(loop.busy_ns, (Times{11.5, 14}));
}

TEST(SimulateLoop, BeginningAnewTakesAsLongUnderARoof) {
  // An iteration alone: 2 ns for 8 bytes, all waiting; core 1 takes 2 more to begin anew, and so
  // draws 2 a ns. Each has 2 of the roof's 4: core 0's bytes take 4 ns; core 1 runs at two thirds
  // of its speed until then, and the rest alone.
  SimulatedMachine m = machine(2);
  m.gb_per_s = 4.0;
  m.alone_gb_per_s = 4.0;
  const SimulatedLoop loop = simulate_loop({Times(2, 2.0), 8.0, 2.0}, kBlocks, m);
  EXPECT_NEAR(loop.busy_ns[0], 4.0, 1e-9);
  EXPECT_NEAR(loop.busy_ns[1], 4.0 + (4.0 - 4.0 * 2.0 / 3.0), 1e-9);
}

TEST(SimulateLoop, MoreCoresThanIterationsStandIdle) {
  const SimulatedLoop loop = simulate_loop({{3, 4}, 0.0}, dynamic(1), machine(8));
  EXPECT_DOUBLE_EQ(loop.makespan_ns, 4.0);
  EXPECT_DOUBLE_EQ(std::accumulate(loop.busy_ns.begin(), loop.busy_ns.end(), 0.0), 7.0);
  EXPECT_DOUBLE_EQ(makespan({}, dynamic(1), machine(2)), 0.0);
  EXPECT_DOUBLE_EQ(makespan({}, kBlocks, machine(2)), 0.0);
}

TEST(SimulateLoop, SharesAddUpToTheMakespan) {
  SimulatedMachine m{3, 0.5, 2.0, 4.0};
  Times costs;
  for (int i = 0; i < 100; ++i) costs.push_back(1.0 + i % 7);
  for (const LoopSpec spec : {kBlocks, LoopSpec{LoopKind::kStatic, 3}, dynamic(4),
                              LoopSpec{LoopKind::kGuided, 2}, LoopSpec{LoopKind::kStealing, 2}}) {
    const SimulatedLoop loop = simulate_loop({costs, 9.0}, spec, m);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(loop.busy_ns[i] + loop.dispatch_ns[i] + loop.wait_ns[i] + m.barrier_ns,
                  loop.makespan_ns, 1e-6);
    }
  }
}

TEST(SimulateLoop, NonsenseIsRefused) {
  EXPECT_THROW(makespan({1}, kBlocks, machine(0)), std::invalid_argument);
  EXPECT_THROW(makespan({-1}, kBlocks, machine(1)), std::invalid_argument);
}

TEST(SimulateStep, IsSplitIntoAtMostItsUnits) {
  EXPECT_DOUBLE_EQ(simulate_step_ns(12.0, 0, machine(4)), 3.0);
  EXPECT_DOUBLE_EQ(simulate_step_ns(12.0, 1, machine(4)), 12.0);  // a serial part
  EXPECT_DOUBLE_EQ(simulate_step_ns(12.0, 6, machine(4)), 4.0);   // two rounds of six parts
  SimulatedMachine m{4, 0.0, 5.0, 2.0};
  EXPECT_DOUBLE_EQ(simulate_step_ns(12.0, 0, m, 20.0), 15.0);
  // 12 ns alone, 4 of them waiting for 20 bytes at 5 a ns; four parts get 0.5 a ns each.
  m.alone_gb_per_s = 5.0;
  EXPECT_DOUBLE_EQ(simulate_step_ns(12.0, 0, m, 20.0), (12.0 - 4.0) / 4 + 20.0 / 2.0 + 5.0);
}

}  // namespace
}  // namespace ryz
