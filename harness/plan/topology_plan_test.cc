#include "harness/plan/topology_plan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness/measure/machine.h"

namespace ryz {
namespace {

using Cpus = std::vector<int>;
using Counts = std::vector<unsigned>;

const char* const kSockets = "pack:2 numa:2 core:4 pu:2";

// What a machine of `planned` would do, seen from one like `here`.
std::vector<PlannedPinning> plan(const Topology& planned, const Topology& here, const char* pins,
                                 const Counts& threads) {
  return plan_pinnings(planned, here, here.physical_cores(), parse_pinnings(pins, planned),
                       threads);
}
Topology two_cores() { return Topology::synthetic("core:2 pu:1"); }

// A root directory whose control group allows so much.
class Quota {
 public:
  Quota() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ryz-plan-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~Quota() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;
  Quota& file(const std::string& path, const std::string& content) {
    const std::filesystem::path full = path_.string() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
    return *this;
  }
  std::string root() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(TopologyPlan, PoliciesOnTwoSocketsOfTwoNodes) {
  const Topology t = Topology::synthetic(kSockets);
  const auto p = plan(t, t, "cores,none,compact,spread,smt,list:5,9", {2, 5, 32});
  ASSERT_EQ(p.size(), 6U);
  EXPECT_EQ(p[0].teams[1].cpus, (Cpus{0, 2, 4, 6, 8}));
  EXPECT_EQ(p[0].teams[1].cores, 5U);
  EXPECT_EQ(p[0].teams[1].nodes, 2U);
  EXPECT_TRUE(p[1].teams[0].cpus.empty());
  EXPECT_EQ(p[1].teams[0].note, "");  // it is not meant to be pinned
  EXPECT_EQ(p[2].teams[1].cpus, (Cpus{0, 1, 2, 3, 4}));
  EXPECT_EQ(p[2].teams[1].cores, 3U);
  EXPECT_EQ(p[2].teams[1].nodes, 1U);
  EXPECT_EQ(p[3].teams[1].cpus, (Cpus{0, 8, 16, 24, 2}));
  EXPECT_EQ(p[3].teams[1].nodes, 4U);
  EXPECT_EQ(p[4].teams[1].cpus, p[0].teams[1].cpus);  // siblings come after all first threads
  EXPECT_EQ(p[4].teams[2].cpus.size(), 32U);
  EXPECT_EQ(p[4].teams[2].cpus[16], 1);
  EXPECT_EQ(p[5].teams[0].cpus, (Cpus{5, 9}));
  // More threads than the policy has CPUs.
  EXPECT_TRUE(p[0].teams[2].cpus.empty());
  EXPECT_NE(p[0].teams[2].note.find("not pinned"), std::string::npos);
  EXPECT_NE(p[5].teams[1].note.find("list:5,9"), std::string::npos);
}

TEST(TopologyPlan, SaysWhatTheMachineAtHandCannotMeasure) {
  const Topology t = Topology::synthetic(kSockets);
  const auto p = plan(t, two_cores(), "cores,compact,spread,list:1,30", {1, 2, 4});
  EXPECT_EQ(p[0].teams[0].not_here, "");
  EXPECT_EQ(p[0].teams[1].not_here, "");
  EXPECT_EQ(p[0].teams[2].not_here, "this machine runs 2 threads at once");
  EXPECT_EQ(p[1].teams[1].not_here, "this machine has no second hardware thread on a core");
  EXPECT_EQ(p[2].teams[1].not_here, "this machine has 1 NUMA node");
  EXPECT_EQ(p[3].teams[0].not_here, "");
  EXPECT_EQ(p[3].teams[1].not_here, "this machine has no CPU 30 for us");
  for (const PlannedPinning& same : plan(t, t, "cores,compact,spread", {1, 2, 4, 16})) {
    for (const PlannedTeam& team : same.teams) EXPECT_EQ(team.not_here, "");
  }
}

TEST(TopologyPlan, ACpusetThatStartsAtAnotherCpu) {
  const Topology t = Topology::synthetic(kSockets, {9, 10, 11, 20});
  const auto p = plan(t, t, "cores,compact,spread,smt", {3, 4});
  EXPECT_EQ(p[0].teams[0].cpus, (Cpus{9, 10, 20}));
  EXPECT_FALSE(p[0].teams[1].note.empty());
  EXPECT_EQ(p[1].teams[1].cpus, (Cpus{9, 10, 11, 20}));
  EXPECT_EQ(p[2].teams[0].cpus, (Cpus{9, 20, 10}));
  EXPECT_EQ(p[3].teams[1].cpus, (Cpus{9, 10, 20, 11}));
  EXPECT_EQ(usual_thread_counts(t, t.physical_cores()), (Counts{1, 2, 3, 4}));
}

TEST(TopologyPlan, AQuotaOfEitherVersionLimitsTheThreads) {
  const Topology t = Topology::synthetic(kSockets);
  Quota v2;
  v2.file("/proc/self/cgroup", "0::/job\n")
      .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
      .file("/sys/fs/cgroup/job/cpu.max", "350000 100000\n");
  const unsigned three = runnable_cores(read_machine(t, v2.root()));
  EXPECT_EQ(three, 3U);
  EXPECT_EQ(usual_thread_counts(t, three), (Counts{1, 2, 3}));
  Quota v1;
  v1.file("/proc/self/cgroup", "3:cpu,cpuacct:/job\n")
      .file("/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n")
      .file("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "550000\n")
      .file("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  const unsigned five = runnable_cores(read_machine(t, v1.root()));
  EXPECT_EQ(usual_thread_counts(t, five), (Counts{1, 2, 4, 5}));
  // Seen from a machine with that quota, six threads are too many.
  const auto p = plan_pinnings(t, t, five, parse_pinnings("cores", t), {5, 6});
  EXPECT_EQ(p[0].teams[0].not_here, "");
  EXPECT_EQ(p[0].teams[1].not_here, "this machine runs 5 threads at once");
}

TEST(TopologyPlan, OneCore) {
  const Topology t = Topology::synthetic("core:1 pu:1");
  EXPECT_EQ(usual_thread_counts(t, 1), (Counts{1}));
  const auto p = plan(t, t, "cores,compact,spread,smt", {1, 2});
  for (const PlannedPinning& one : p) {
    EXPECT_EQ(one.teams[0].cpus, (Cpus{0}));
    EXPECT_TRUE(one.teams[1].cpus.empty());
    EXPECT_FALSE(one.teams[1].note.empty());
  }
  EXPECT_NE(p[1].pin.not_here, "");
}

TEST(TopologyPlan, UsualThreadCounts) {
  EXPECT_EQ(usual_thread_counts(Topology::synthetic("core:6 pu:1"), 6), (Counts{1, 2, 4, 6}));
  EXPECT_EQ(usual_thread_counts(Topology::synthetic("core:4 pu:2"), 4), (Counts{1, 2, 4, 8}));
}

TEST(TopologyPlan, TheTextShowsAllOfIt) {
  const Topology t = Topology::synthetic("core:2 pu:2");
  const std::string text =
      plan_text("core:2 pu:2", t, plan(t, two_cores(), "smt,none", {2, 4}), two_cores());
  EXPECT_EQ(
      text,
      "planned   core:2 pu:2: 2 cores, 4 hardware threads, 1 NUMA node\n"
      "here      2 cores, 2 hardware threads, 1 NUMA node\n"
      "Nothing was run: these are the CPUs that threads would be pinned to, in their order.\n"
      "\n--pin smt\n"
      "  threads cores nodes  CPUs\n"
      "        2     2     1  0,2\n"
      "        4     2     1  0,2,1,3\n"
      "                       not measurable here: this machine has no second hardware thread "
      "on a core\n"
      "\n--pin none\n"
      "  threads cores nodes  CPUs\n"
      "        2     -     -  wherever the system puts them\n"
      "        4     -     -  wherever the system puts them\n"
      "                       not measurable here: this machine runs 2 threads at once\n");
}

}  // namespace
}  // namespace ryz
