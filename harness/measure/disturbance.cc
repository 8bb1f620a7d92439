#include "harness/measure/disturbance.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

#include "reports/statistics.h"

namespace ryz {
namespace {

// A thread may lose its CPU to the kernel's own chores for microseconds: only lost time counts.
constexpr double kLeastCpuRatio = 0.98;
constexpr double kMostSteal = 0.02;
constexpr std::uint64_t kMostFaults = 200;
constexpr double kSlowClock = 1.15;

double process_cpu_s() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void mark(report::Sample& sample, const char* what) {
  if (std::find(sample.disturbed.begin(), sample.disturbed.end(), what) == sample.disturbed.end()) {
    sample.disturbed.emplace_back(what);
  }
}

}  // namespace

std::optional<std::uint64_t> parse_steal_ns(const std::string& proc_stat, long ticks_per_s) {
  std::istringstream line(proc_stat.substr(0, proc_stat.find('\n')));
  std::string name;
  std::uint64_t field = 0;
  if (!(line >> name) || name != "cpu" || ticks_per_s <= 0) return std::nullopt;
  for (int i = 0; i < 8; ++i) {
    if (!(line >> field)) return std::nullopt;
  }
  return field * (1000000000U / static_cast<std::uint64_t>(ticks_per_s));
}

MachineState read_machine_state() {
  MachineState state;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  state.page_faults = static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
  std::ifstream stat("/proc/stat");
  std::string line;
  if (std::getline(stat, line)) state.steal_ns = parse_steal_ns(line, sysconf(_SC_CLK_TCK));
  state.cpu_s = process_cpu_s();
  return state;
}

void describe_disturbance(const MachineState& before, const MachineState& after, unsigned threads,
                          std::uint64_t migrations, report::Sample& sample) {
  const double available = 1e-9 * static_cast<double>(sample.time_ns) * threads;
  if (available > 0.0) sample.cpu_ratio = (after.cpu_s - before.cpu_s) / available;
  sample.involuntary_switches = after.involuntary_switches - before.involuntary_switches;
  sample.page_faults = after.page_faults - before.page_faults;
  sample.migrations = migrations;
  if (before.steal_ns && after.steal_ns) sample.steal_ns = *after.steal_ns - *before.steal_ns;
  if (*sample.involuntary_switches > 0 && sample.cpu_ratio.value_or(1.0) < kLeastCpuRatio) {
    mark(sample, "preempted");
  }
  if (migrations > 0) mark(sample, "migrated");
  if (static_cast<double>(sample.steal_ns.value_or(0)) * 1e-9 > kMostSteal * available) {
    mark(sample, "steal");
  }
  if (*sample.page_faults > kMostFaults) mark(sample, "faults");
}

DisturbanceMeter::DisturbanceMeter(const Team& team)
    : placements_(team.placements()), before_(read_machine_state()) {}

void DisturbanceMeter::finish(const Team& team, report::Sample& sample) const {
  const MachineState after = read_machine_state();
  const std::vector<Placement> placements = team.placements();
  std::uint64_t migrations = 0;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    migrations += placements_[i].cpu >= 0 && placements[i].cpu != placements_[i].cpu ? 1 : 0;
  }
  describe_disturbance(before_, after, team.size(), migrations, sample);
}

void mark_slow_clock(const std::vector<report::Sample*>& samples) {
  std::vector<double> times;
  for (const report::Sample* s : samples) {
    if (s->reference_compute_ns) times.push_back(static_cast<double>(*s->reference_compute_ns));
  }
  if (times.size() < 3) return;
  const double usual = report::median(times);
  for (report::Sample* s : samples) {
    if (s->reference_compute_ns &&
        static_cast<double>(*s->reference_compute_ns) > kSlowClock * usual) {
      mark(*s, "clock");
    }
  }
}

}  // namespace ryz
