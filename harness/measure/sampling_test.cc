// What is told about a sample, and that a run that was cut short goes on where it was. Nothing here
// looks at how long anything took.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "harness/diagnose/diagnose.h"
#include "harness/measure/disturbance.h"
#include "harness/measure/perf_counters.h"
#include "harness/measure/reference_work.h"
#include "kernels/cpu.h"
#include "reports/error.h"
#include "reports/journal.h"

namespace ryz {
namespace {

using report::Report;
using report::Sample;

TEST(Disturbance, StealOfProcStat) {
  EXPECT_EQ(parse_steal_ns("cpu  1 2 3 4 5 6 7 80 9 0\ncpu0 1", 100), 800000000u);
  EXPECT_FALSE(parse_steal_ns("cpu  1 2 3 4 5 6 7", 100));
  EXPECT_FALSE(parse_steal_ns("intr 1 2 3 4 5 6 7 8 9", 100));
  EXPECT_FALSE(parse_steal_ns("", 100));
}

Sample described(double cpu_s, std::uint64_t switches, std::uint64_t migrations,
                 std::uint64_t faults, std::uint64_t steal_ns) {
  Sample s{0, 0, 10, 100000000};  // 0.1 s
  const MachineState before{5.0, 3, 100, 1000};
  const MachineState after{5.0 + cpu_s, 3 + switches, 100 + faults, 1000 + steal_ns};
  describe_disturbance(before, after, 2, migrations, s);
  return s;
}

TEST(Disturbance, MarksWhatCostTimeOnly) {
  EXPECT_TRUE(described(0.2, 0, 0, 0, 0).disturbed.empty());
  EXPECT_TRUE(described(0.2, 3, 0, 0, 0).disturbed.empty());  // switched, nothing lost
  EXPECT_EQ(described(0.15, 3, 0, 0, 0).disturbed, std::vector<std::string>{"preempted"});
  EXPECT_EQ(described(0.2, 0, 1, 0, 0).disturbed, std::vector<std::string>{"migrated"});
  EXPECT_EQ(described(0.2, 0, 0, 5000, 0).disturbed, std::vector<std::string>{"faults"});
  EXPECT_EQ(described(0.2, 0, 0, 0, 10000000).disturbed, std::vector<std::string>{"steal"});
  const Sample s = described(0.15, 3, 1, 7, 10);
  EXPECT_NEAR(s.cpu_ratio.value_or(0.0), 0.75, 1e-9);
  EXPECT_EQ(s.involuntary_switches, 3u);
  EXPECT_EQ(s.page_faults, 7u);
  EXPECT_EQ(s.steal_ns, 10u);
}

TEST(Disturbance, ASlowClockIsMarked) {
  std::vector<Sample> samples(9, Sample{0, 0, 1, 1});
  std::vector<Sample*> pointers;
  for (Sample& s : samples) {
    s.reference_compute_ns = 1000000;
    pointers.push_back(&s);
  }
  samples[4].reference_compute_ns = 1300000;
  mark_slow_clock(pointers);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].disturbed.size(), i == 4 ? 1u : 0u);
  }
}

TEST(PerfCounters, EachEventIsCountedOrSaysWhyNot) {
  const PerfCounters counters;
  EXPECT_EQ(counters.states().size(), 9u);
  const auto readings = counters.read();
  for (const report::CounterState& s : counters.states()) {
    EXPECT_EQ(readings.count(s.name), s.available ? 1u : 0u) << s.name;
    if (!s.available) {
      EXPECT_FALSE(s.reason.empty()) << s.name;
    }
  }
}

TEST(PerfCounters, CountsAreScaledByTheShareTheyRan) {
  std::map<std::string, double> totals;
  std::optional<double> ratio;
  add_counts({{"a", {100, 1000, 1000}}, {"b", {5, 0, 0}}},
             {{"a", {300, 3000, 2000}}, {"b", {5, 2000, 0}}}, totals, ratio);
  EXPECT_EQ(totals, (std::map<std::string, double>{{"a", 400.0}}));  // b never ran: unknown
  EXPECT_EQ(ratio, 0.5);
}

TEST(ReferenceWork, IsMeasuredOnTheTeam) {
  ReferenceWork work(std::size_t{1} << 20);
  for (const unsigned threads : {1U, 2U}) {
    Team team({threads, {}});
    const ReferenceTimes times = work.measure(team);
    EXPECT_GT(times.compute_ns, 0u);
    EXPECT_GT(times.memory_ns, 0u);
  }
}

LabOptions small_run(const std::string& journal) {
  const Catalogue& catalogue = built_in_catalogue();
  LabOptions o;
  o.model = "tiny";
  o.ladder_model = "none";
  o.axes.kernels = {catalogue.find_kernel("scalar", "two-bit"),
                    catalogue.find_kernel("scalar", "quint")};
  o.axes.grains = {1};
  o.axes.threads = {1};
  o.run.rounds = 4;
  o.run.sample_ms = 0.01;
  o.run.prefill_tokens = 3;
  o.quiet = true;
  o.roofs = false;
  o.journal = journal;
  return o;
}

class Resume : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "ryz-resume-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    journal_ = (directory_ / "journal").string();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  static Report run(const LabOptions& options) {
    return run_sweep(options, built_in_catalogue(), {"ryz-lab", "sweep"});
  }

  std::filesystem::path directory_;
  std::string journal_;
};

TEST_F(Resume, GoesOnWithTheSamplesThatWereTaken) {
  LabOptions options = small_run(journal_);
  int asked = 0;
  options.run.stop = [&asked] { return ++asked > 11; };  // 4 checks, then 7 samples
  const Report cut = run(options);
  EXPECT_FALSE(cut.complete);
  std::map<std::pair<std::string, unsigned>, std::vector<Sample>> taken;
  for (const report::Cell& c : cut.cells) {
    for (const Sample& s : c.samples) taken[{c.id, s.round}].push_back(s);
  }
  EXPECT_GE(taken.size(), 5u);

  options.run.stop = nullptr;
  options.resume = true;
  const Report whole = run(options);
  EXPECT_TRUE(whole.complete);
  ASSERT_FALSE(whole.warnings.empty());
  EXPECT_NE(whole.warnings[0].find("goes on with"), std::string::npos);
  std::size_t kept = 0;
  for (const report::Cell& c : whole.cells) {
    std::map<unsigned, std::vector<Sample>> rounds;
    for (const Sample& s : c.samples) rounds[s.round].push_back(s);
    EXPECT_EQ(rounds.size(), 4u) << c.id;
    for (const auto& [round, samples] : rounds) {
      const auto found = taken.find({c.id, round});
      if (found == taken.end()) continue;
      ++kept;
      ASSERT_EQ(samples.size(), found->second.size());
      for (std::size_t i = 0; i < samples.size(); ++i) {
        EXPECT_EQ(samples[i].time_ns, found->second[i].time_ns);
        EXPECT_EQ(samples[i].order, found->second[i].order);
        EXPECT_EQ(samples[i].tokens, found->second[i].tokens);
      }
    }
  }
  EXPECT_EQ(kept, taken.size());
}

TEST_F(Resume, AnotherConfigurationIsRefused) {
  run(small_run(journal_));
  LabOptions other = small_run(journal_);
  other.resume = true;
  other.run.sample_ms = 0.02;
  EXPECT_THROW(run(other), report::ReportError);
}

TEST_F(Resume, ADeadlineThatIsPastLeavesAnIncompleteReport) {
  LabOptions options = small_run("");
  options.budget_s = 1e-9;
  const Report report = run(options);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.exit_code, 8);
  EXPECT_EQ(report.cells.size(), 4u);
}

TEST(GateCells, AreOnePreferredKernelAnEncodingAtFewestAndMostThreads) {
  Axes axes;
  axes.kernels = built_in_catalogue().kernels;
  axes.threads = {1, 2, 3};
  const auto gate = default_gate(axes);
  std::set<std::string> encodings;
  std::size_t cells = 0;
  for (const CellSpec& spec : expand(axes)) {
    if (!gate(spec)) continue;
    ++cells;
    EXPECT_TRUE(spec.requested->encoding->exact);
    EXPECT_TRUE(why_not_runnable(*spec.requested).empty());
    EXPECT_NE(spec.threads, 2u);
    encodings.insert(spec.encoding_name());
  }
  EXPECT_EQ(cells, encodings.size() * 2 * 2);
  EXPECT_GE(encodings.size(), 5u);
}

}  // namespace
}  // namespace ryz
