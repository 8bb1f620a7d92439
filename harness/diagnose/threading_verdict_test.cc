// Which cause is named for which evidence; readings are handed in.
#include <gtest/gtest.h>

#include "harness/diagnose/verdicts.h"

namespace ryz {
namespace {

using report::State;

report::Cell pinned_cell(unsigned threads) {
  report::Cell cell;
  cell.id = "decode/a/b/s/t" + std::to_string(threads);
  cell.threads = threads;
  cell.status = report::Status::kOk;
  cell.effective.pinned = true;
  for (unsigned i = 0; i < threads; ++i) cell.effective.cpus.push_back(static_cast<int>(i));
  return cell;
}

MeasuredRatio measured(double ratio, double lo, double hi) {
  return {{ratio, lo, hi, 8}, {"x", "y"}};
}
MeasuredRatio clearly(double ratio) { return measured(ratio, 0.98 * ratio, 1.02 * ratio); }

report::Attribution traced(double imbalance, double serial) {
  report::Attribution a;
  a.threads = {{0.9, 0.05, 0.05}, {0.7, 0.1, 0.2}};
  a.imbalance_ratio = imbalance;
  a.serial_ratio = serial;
  return a;
}

// Samples of so many rounds whose fixed work took so long before each.
void read_clocks(report::Cell& cell, const std::vector<std::uint64_t>& ns) {
  for (unsigned round = 0; round < ns.size(); ++round) {
    report::Sample s;
    s.round = round;
    s.tokens = 1;
    s.time_ns = 1000;
    s.reference_compute_ns = ns[round];
    cell.samples.push_back(s);
  }
}

const report::Evidence* find(const report::Verdict& v, const std::string& beginning) {
  for (const report::Evidence& e : v.evidence) {
    if (e.fact.starts_with(beginning)) return &e;
  }
  return nullptr;
}

TEST(ThreadingCauses, ATraceMustAgreeWithImbalanceAndSerialParts) {
  report::Cell cell = pinned_cell(2);
  ThreadingEvidence e{.subject = &cell, .repaired_over_subject = clearly(1.6)};
  e.faults.push_back({"IMBALANCE", "blocks", clearly(1.5)});
  e.faults.push_back({"SERIAL_PART", "one thread's work", clearly(1.3)});
  EXPECT_EQ(judge_threading(e).code, "IMBALANCE");  // nothing was traced
  cell.attribution = traced(0.05, 0.0);
  EXPECT_EQ(judge_threading(e).code, "IMBALANCE");
  cell.attribution = traced(0.04, 0.05);
  EXPECT_EQ(judge_threading(e).code, "SERIAL_PART");
  cell.attribution = traced(0.04, 0.04);
  EXPECT_EQ(judge_threading(e).code, "UNATTRIBUTED");
}

TEST(ThreadingCauses, TheTraceIsEvidence) {
  report::Cell cell = pinned_cell(2);
  cell.attribution = traced(0.25, 0.125);
  const report::Verdict v = judge_threading({.subject = &cell, .is_repaired = true});
  EXPECT_EQ(v.code, "OK");
  ASSERT_NE(find(v, "traced: share of the threads' time in work"), nullptr);
  EXPECT_DOUBLE_EQ(*find(v, "traced: share of the threads' time in work")->value, 0.8);
  EXPECT_DOUBLE_EQ(*find(v, "traced: share taking chunks")->value, 0.075);
  EXPECT_DOUBLE_EQ(*find(v, "traced: share at barriers")->value, 0.125);
  EXPECT_DOUBLE_EQ(*find(v, "traced: the busiest")->value, 0.25);
  EXPECT_DOUBLE_EQ(*find(v, "traced: share of the time one")->value, 0.125);
}

TEST(ThreadingCauses, UnpinnedNeedsAThreadThatWasNotPinnedAndACost) {
  report::Cell cell = pinned_cell(2);
  ThreadingEvidence e{.subject = &cell, .repaired_over_subject = clearly(1.6)};
  e.faults.push_back({"UNPINNED", "threads that move", clearly(1.5)});
  EXPECT_EQ(judge_threading(e).code, "UNATTRIBUTED");
  cell.effective.pinned = false;
  EXPECT_EQ(judge_threading(e).code, "UNPINNED");
  e.faults[0].gain = measured(1.5, 0.99, 1.9);
  const report::Verdict v = judge_threading(e);
  EXPECT_EQ(v.code, "UNATTRIBUTED");
  ASSERT_NE(find(v, "UNPINNED"), nullptr);
  EXPECT_NE(find(v, "UNPINNED")->fact.find("not shown here"), std::string::npos);
}

TEST(ThreadingCauses, MoreThreadsThanCpusComeFirst) {
  report::Cell cell = pinned_cell(2);
  cell.effective.cpus = {0, 1, 0, 1, 0, 1, 0, 1};  // eight ran
  ThreadingEvidence e{.subject = &cell, .repaired_over_subject = clearly(9.0)};
  e.faults.push_back({"GRAIN_TOO_FINE", "chunks", clearly(9.0)});
  e.faults.push_back({"OVERSUBSCRIBED", "too many threads", clearly(4.0)});
  e.cpus = 2.0;
  EXPECT_EQ(judge_threading(e).code, "OVERSUBSCRIBED");
  e.cpus = 8.0;
  EXPECT_EQ(judge_threading(e).code, "GRAIN_TOO_FINE");
}

TEST(ThreadingCauses, AQuotaStarvesARepairedScheduleToo) {
  report::Cell cell = pinned_cell(2);
  ThreadingEvidence e{.subject = &cell, .is_repaired = true};
  e.cpus = 1.5;
  EXPECT_EQ(judge_threading(e).code, "OK");  // nobody measured whether they lacked a CPU
  report::Sample s;
  s.cpu_ratio = 0.75;
  cell.samples = {s, s, s};
  const report::Verdict v = judge_threading(e);
  EXPECT_EQ(v.code, "OVERSUBSCRIBED");
  EXPECT_EQ(v.state, State::kBlocked);
  EXPECT_NE(v.next_step.find("1 threads at most"), std::string::npos) << v.next_step;
  e.cpus = 2.0;
  EXPECT_EQ(judge_threading(e).code, "OK");
  e.cpus = 1.5;
  for (report::Sample& sample : cell.samples) sample.cpu_ratio = 0.91;
  EXPECT_EQ(judge_threading(e).code, "OK");
}

TEST(ThreadingCauses, ARepairedScheduleMayBeSlowedByItsBlocks) {
  report::Cell cell = pinned_cell(2);
  cell.attribution = traced(0.2, 0.0);
  ThreadingEvidence e{.subject = &cell, .is_repaired = true};
  e.faults.push_back({"IMBALANCE", "blocks", clearly(1.2)});
  EXPECT_EQ(judge_threading(e).code, "IMBALANCE");
  e.roof_ratio = 0.75;
  EXPECT_EQ(judge_threading(e).code, "BANDWIDTH_BOUND");
  e.roof_ratio.reset();
  e.faults[0].gain = clearly(1.04);
  EXPECT_EQ(judge_threading(e).code, "OK");
}

TEST(Clock, IsTheFixedWorkPairedByRound) {
  report::Cell one = pinned_cell(1);
  report::Cell many = pinned_cell(8);
  EXPECT_FALSE(clock_ratio(one, many));
  read_clocks(one, {1000, 1000, 1010, 990, 1000});
  EXPECT_FALSE(clock_ratio(one, many));
  read_clocks(many, {1250, 1250, 1262, 1238, 1250});
  // A clock that was marked as slow is a reading like others; a preempted one is none.
  for (report::Sample& s : many.samples) s.disturbed = {"clock"};
  many.samples[4].disturbed = {"clock", "preempted"};
  many.samples[4].reference_compute_ns = 9000;
  const auto ratio = clock_ratio(one, many);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->ratio.ratio, 1.25, 0.001);
  EXPECT_GT(ratio->ratio.lo, 1.2);
  EXPECT_EQ(ratio->cells, (std::vector<std::string>{one.id, many.id}));
}

TEST(Clock, ThatExplainsTheLossIsFrequency) {
  report::Cell one = pinned_cell(1);
  report::Cell many = pinned_cell(8);
  read_clocks(one, {1000, 1002, 998, 1001, 1000, 1000});
  read_clocks(many, {1250, 1249, 1252, 1250, 1251, 1250});
  ThreadingEvidence e{.subject = &many, .is_repaired = true};
  e.clock = clock_ratio(one, many);
  EXPECT_EQ(judge_threading(e).code, "OK");  // no loss is known
  e.efficiency = 0.78;
  const report::Verdict v = judge_threading(e);
  EXPECT_EQ(v.code, "FREQUENCY");
  EXPECT_EQ(v.state, State::kBlocked);
  EXPECT_NEAR(*v.impact_ratio, 1.25, 0.01);
  ASSERT_NE(find(v, "one thread's clock"), nullptr);
  // At an efficiency of 0.5 a quarter more would explain 0.125 of the 0.5 that are lacking.
  e.efficiency = 0.5;
  EXPECT_EQ(judge_threading(e).code, "OK");
  e.efficiency = 0.78;
  e.roof_ratio = 0.8;
  EXPECT_EQ(judge_threading(e).code, "BANDWIDTH_BOUND");
  e.roof_ratio.reset();
  // What the schedule costs is said first, and what more threads than CPUs do to any clock never.
  e.is_repaired = false;
  e.repaired_over_subject = clearly(1.3);
  e.faults.push_back({"LOCK_CONTENTION", "the pool", clearly(1.2)});
  EXPECT_EQ(judge_threading(e).code, "LOCK_CONTENTION");
  e.repaired_over_subject = clearly(1.0);
  EXPECT_EQ(judge_threading(e).code, "FREQUENCY");
  e.cpus = 4.0;
  EXPECT_EQ(judge_threading(e).code, "OK");
}

TEST(Clock, SteadyOrUncertainIsNoFrequency) {
  report::Cell one = pinned_cell(1);
  report::Cell steady = pinned_cell(8);
  read_clocks(one, {1000, 1000, 1000, 1000, 1000, 1000});
  read_clocks(steady, {1040, 1040, 1040, 1040, 1040, 1040});
  ThreadingEvidence e{.subject = &steady, .is_repaired = true};
  e.efficiency = 0.95;
  e.clock = clock_ratio(one, steady);
  EXPECT_EQ(judge_threading(e).code, "OK");
  report::Cell unsteady = pinned_cell(8);
  read_clocks(unsteady, {900, 1300, 950, 1250, 1300, 1250});
  e.clock = clock_ratio(one, unsteady);
  EXPECT_EQ(judge_threading(e).code, "OK");
}

TEST(Clock, FewRoundsNameNoCause) {
  for (std::size_t rounds = 1; rounds <= kFewestClockRounds; ++rounds) {
    report::Cell one = pinned_cell(1);
    report::Cell many = pinned_cell(8);
    read_clocks(one, std::vector<std::uint64_t>(rounds, 1000));
    read_clocks(many, std::vector<std::uint64_t>(rounds, 1250));
    const report::Verdict v = judge_threading({.subject = &many,
                                               .is_repaired = true,
                                               .efficiency = 0.78,
                                               .clock = clock_ratio(one, many)});
    const bool enough = rounds == kFewestClockRounds;
    EXPECT_EQ(v.code, enough ? "FREQUENCY" : "OK") << rounds;
    const auto* said = find(v, "one thread's clock over all threads', by a fixed work; too few");
    EXPECT_EQ(said == nullptr, enough) << rounds;
  }
}

}  // namespace
}  // namespace ryz
