#include "harness/measure/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/measure/build_info.h"
#include "harness/measure/cgroup.h"

namespace ryz {
namespace {

using Cpus = std::vector<int>;

// A root directory of made-up system files.
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ryz-root-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  FakeRoot& file(const std::string& path, const std::string& content) {
    const std::filesystem::path full = path_.string() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
    return *this;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Topology, CoresThreadsAndCachesOfASyntheticMachine) {
  const Topology t = Topology::synthetic("pack:2 numa:2 core:4 pu:2");
  EXPECT_EQ(t.physical_cores(), 16U);
  EXPECT_EQ(t.performance_cores(), 16U);
  EXPECT_EQ(t.hardware_threads(), 32U);
  EXPECT_TRUE(t.smt());
  EXPECT_EQ(t.numa_nodes(), 4U);
  const Cpus cores = physical_core_cpus(t);
  ASSERT_EQ(cores.size(), 16U);
  for (std::size_t i = 0; i < cores.size(); ++i) EXPECT_EQ(cores[i], static_cast<int>(2 * i));
  EXPECT_EQ(t.llc_bytes(), 0U);  // nothing known of caches
}

TEST(Topology, Caches) {
  const Topology t = Topology::synthetic("pack:2 l3:2(size=16MB) core:4 l2:1(size=1MB) pu:1");
  EXPECT_EQ(t.physical_cores(), 16U);
  EXPECT_FALSE(t.smt());
  ASSERT_EQ(t.caches().size(), 2U);
  EXPECT_EQ(t.caches()[0].level, 2);
  EXPECT_EQ(t.caches()[0].shared_by_cores, 1U);
  EXPECT_EQ(t.caches()[1].level, 3);
  EXPECT_EQ(t.caches()[1].shared_by_cores, 4U);
  EXPECT_EQ(t.llc_bytes(), t.caches()[1].bytes);
  EXPECT_EQ(t.llc_total_bytes(), 4 * t.llc_bytes());
}

TEST(Topology, ACpusetThatStartsAtCpuNine) {
  const Topology t = Topology::synthetic("pack:2 l3:1(size=8MB) core:4 pu:2", {9, 10, 11, 12});
  // Core 4 (CPUs 8, 9) has only its second thread left, core 5 both, core 6 its first.
  EXPECT_EQ(t.physical_cores(), 3U);
  EXPECT_EQ(t.hardware_threads(), 4U);
  EXPECT_EQ(physical_core_cpus(t), (Cpus{9, 10, 12}));
  EXPECT_EQ(hardware_thread_cpus(t), (Cpus{9, 10, 12, 11}));
  EXPECT_EQ(t.caches().back().shared_by_cores, 3U);
  EXPECT_EQ(t.llc_total_bytes(), t.llc_bytes());
  const report::Machine machine = read_machine(t, "/nowhere");
  EXPECT_EQ(machine.hard.cores_physical, 3U);
  EXPECT_EQ(machine.hard.cpus_allowed, 4U);
  EXPECT_TRUE(machine.hard.smt);
}

TEST(Topology, OneThreadACoreIsNoSmtEvenWhereTheCpuHasIt) {
  EXPECT_FALSE(Topology::synthetic("core:4 pu:2", {0, 2, 4}).smt());
}

TEST(Topology, NonsenseIsRefused) {
  EXPECT_THROW(Topology::synthetic("pack:zero"), std::invalid_argument);
  EXPECT_THROW(Topology::synthetic("core:2 pu:1", {7}), std::invalid_argument);
}

TEST(Topology, ThisMachineHasCoresWeMayUse) {
  const Topology& t = machine_topology();
  EXPECT_GE(physical_cores(), 1U);
  EXPECT_GE(t.hardware_threads(), t.physical_cores());
  EXPECT_EQ(physical_core_cpus(t).size(), t.physical_cores());
}

TEST(Machine, NothingReadableIsUnknownNotAFailure) {
  const report::Machine m = read_machine(Topology::synthetic("core:2 pu:1"), "/nowhere");
  EXPECT_EQ(m.hard.cpu_vendor, "unknown");
  EXPECT_EQ(m.hard.cpu_model_name, "unknown");
  EXPECT_EQ(m.hard.cpu_family, 0);
  EXPECT_FALSE(m.hard.cpu_quota_cores);
  EXPECT_EQ(m.soft.governor, "unknown");
  EXPECT_EQ(m.soft.turbo, "unknown");
  EXPECT_EQ(m.soft.thp, "unknown");
  EXPECT_EQ(m.soft.aslr, "unknown");
  EXPECT_EQ(m.soft.microcode, "unknown");
  EXPECT_EQ(m.soft.memory_bytes, 0U);
  EXPECT_EQ(m.key.size(), 12U);
  EXPECT_EQ(runnable_cores(m), 2U);
  EXPECT_EQ(available_memory_bytes("/nowhere"), 0U);
}

TEST(Machine, ReadsWhatLinuxWrites) {
  FakeRoot root;
  root.file("/proc/cpuinfo",
            "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 80\n"
            "model name\t: AMD Ryzen 7\nstepping\t: 0\nmicrocode\t: 0xa50000d\n"
            "flags\t\t: fpu avx2 hypervisor\n\nprocessor\t: 1\nvendor_id\t: Other\n")
      .file("/proc/meminfo", "MemTotal:       16384 kB\nMemAvailable:    8192 kB\n")
      .file("/proc/loadavg", "1.25 0.50 0.10 1/100 4242\n")
      .file("/proc/sys/kernel/randomize_va_space", "2\n")
      .file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
      .file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
      .file("/sys/devices/system/cpu/cpufreq/boost", "1\n");
  const report::Machine m = read_machine(Topology::synthetic("core:2 pu:1"), root.path());
  EXPECT_EQ(m.hard.cpu_vendor, "AuthenticAMD");
  EXPECT_EQ(m.hard.cpu_model_name, "AMD Ryzen 7");
  EXPECT_EQ(m.hard.cpu_family, 25);
  EXPECT_EQ(m.hard.cpu_model, 80);
  EXPECT_EQ(m.hard.cpu_stepping, 0);
  EXPECT_TRUE(m.hard.hypervisor);
  EXPECT_EQ(m.soft.microcode, "0xa50000d");
  EXPECT_EQ(m.soft.governor, "powersave");
  EXPECT_EQ(m.soft.turbo, "on");
  EXPECT_EQ(m.soft.thp, "madvise");
  EXPECT_EQ(m.soft.aslr, "on");
  EXPECT_EQ(m.soft.memory_bytes, 16384U * 1024);
  EXPECT_DOUBLE_EQ(m.soft.load_1min, 1.25);
  EXPECT_EQ(available_memory_bytes(root.path()), 8192U * 1024);

  root.file("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
  EXPECT_EQ(read_machine(Topology::synthetic("core:2 pu:1"), root.path()).soft.turbo, "off");
}

TEST(Machine, GarbageInFilesIsUnknownToo) {
  FakeRoot root;
  root.file("/proc/cpuinfo", "no colon here\nmodel : 99999999999999999999\ncpu family : x\n")
      .file("/proc/loadavg", "busy")
      .file("/proc/meminfo", "MemTotal: lots\n")
      .file("/proc/self/cgroup", "nonsense\n0::\n1:cpu\n")
      .file("/proc/self/mountinfo", "- cgroup\nx\n")
      .file("/sys/fs/cgroup/cpu.max", "fast 0\n");
  const report::Machine m = read_machine(Topology::synthetic("core:2 pu:1"), root.path());
  EXPECT_EQ(m.hard.cpu_model, 0);
  EXPECT_EQ(m.hard.cpu_family, 0);
  EXPECT_EQ(m.soft.load_1min, 0.0);
  EXPECT_EQ(m.soft.memory_bytes, 0U);
  EXPECT_FALSE(m.hard.cpu_quota_cores);
}

TEST(Machine, AQuotaBelowTheCores) {
  FakeRoot root;
  root.file("/proc/self/cgroup", "0::/jobs/one\n")
      .file("/proc/self/mountinfo",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
      .file("/sys/fs/cgroup/jobs/cpu.max", "250000 100000\n")  // the tightest is a level up
      .file("/sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n");
  const Topology t = Topology::synthetic("core:8 pu:1");
  const report::Machine m = read_machine(t, root.path());
  ASSERT_TRUE(m.hard.cpu_quota_cores);
  EXPECT_DOUBLE_EQ(*m.hard.cpu_quota_cores, 2.5);
  EXPECT_EQ(runnable_cores(m), 2U);
  EXPECT_DOUBLE_EQ(runnable_cpus(m), 2.5);
  EXPECT_DOUBLE_EQ(runnable_cpus(read_machine(Topology::synthetic("core:1 pu:2"), root.path())), 2);
  EXPECT_EQ(m.hard.cores_physical, 8U);
  EXPECT_NE(m.key, read_machine(t, "/nowhere").key);

  root.file("/sys/fs/cgroup/jobs/one/cpu.max", "50000 100000\n");
  EXPECT_EQ(runnable_cores(read_machine(t, root.path())), 1U);  // never none
}

TEST(Cgroup, VersionOneWithItsOwnMounts) {
  FakeRoot root;
  root.file("/proc/self/cgroup", "4:memory:/app\n3:cpu,cpuacct:/app\n1:name=systemd:/\n0::/\n")
      .file("/proc/self/mountinfo",
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "150000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "100000\n")
      .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .file("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "1000000\n")
      .file("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "700000\n")
      .file("/sys/fs/cgroup/memory/app/memory.stat", "cache 1\ntotal_inactive_file 100000\n");
  const CgroupLimits limits = read_cgroup_limits(FileTree(root.path()));
  EXPECT_EQ(limits.cpu_cores, 1.5);
  EXPECT_EQ(limits.memory_bytes, 1000000U);
  EXPECT_EQ(limits.memory_free, 400000U);
}

TEST(Cgroup, ContainerThatSeesOnlyItsOwnGroup) {
  FakeRoot root;
  root.file("/proc/self/cgroup", "3:cpu:/docker/abc\n")
      .file("/proc/self/mountinfo",
            "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu rw master:1 - cgroup cgroup rw,cpu\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read_cgroup_limits(FileTree(root.path())).cpu_cores, 4.0);
}

TEST(Cgroup, CustomaryPlacesWithoutMountinfo) {
  FakeRoot root;
  root.file("/proc/self/cgroup", "0::/\n")
      .file("/sys/fs/cgroup/cpu.max", "300000 100000\n")
      .file("/sys/fs/cgroup/memory.max", "4096\n")
      .file("/sys/fs/cgroup/memory.current", "8192\n");
  const CgroupLimits limits = read_cgroup_limits(FileTree(root.path()));
  EXPECT_EQ(limits.cpu_cores, 3.0);
  EXPECT_EQ(limits.memory_free, 0U);
}

TEST(MachineKey, HardFactsAlone) {
  report::Machine::Hard hard;
  hard.cpu_vendor = "GenuineIntel";
  hard.isa_usable = {"avx2"};
  const std::string key = machine_key(hard);
  EXPECT_EQ(key.size(), 12U);
  EXPECT_EQ(key.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(machine_key(hard), key);
  hard.isa_usable = {"avx2", "fma"};
  EXPECT_NE(machine_key(hard), key);
  hard.isa_usable = {"avx2"};
  hard.cpu_quota_cores = 2.0;
  EXPECT_NE(machine_key(hard), key);
}

TEST(BuildFacts, AreFilledIn) {
  const report::Build build = build_facts();
  EXPECT_FALSE(build.compiler.empty());
  EXPECT_NE(build.openmp_runtime.find("OpenMP"), std::string::npos);
  const report::Tool tool = tool_facts({"ryz-lab", "info"});
  EXPECT_FALSE(tool.version.empty());
  EXPECT_FALSE(tool.git_sha.empty());
  EXPECT_EQ(tool.argv.size(), 2U);
  const bool timeable = build_info.optimised && std::string(build_info.sanitizers).empty();
  EXPECT_EQ(why_not_timeable().empty(), timeable);
}

}  // namespace
}  // namespace ryz
