#include "harness/measure/perf_counters.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace ryz {
namespace {

struct Event {
  const char* name;
  std::uint32_t type;
  std::uint64_t config;
};
constexpr std::array<Event, 9> kEvents{{
    {"task_clock_ns", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"cache_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
}};

int open_event(const Event& event, bool user_only) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config;
  attributes.inherit = 1;
  attributes.exclude_kernel = user_only ? 1 : 0;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

std::string paranoid_level() {
  std::ifstream file("/proc/sys/kernel/perf_event_paranoid");
  std::string level;
  return file >> level ? level : "unknown";
}

// Why it cannot be counted, and what would help.
std::string reason_of(int error, const Event& event) {
  switch (error) {
    case EACCES:
    case EPERM:
      return fmt::format(
          "not permitted (kernel.perf_event_paranoid is {}): sysctl kernel.perf_event_paranoid=2, "
          "CAP_PERFMON, or a container whose seccomp profile allows perf_event_open",
          paranoid_level());
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return event.type == PERF_TYPE_HARDWARE
                 ? "this CPU shows no such counter here: most virtual machines have none; use one "
                   "with a virtual PMU, or bare metal"
                 : "this kernel does not know the event";
    case ENOSYS:
      return "this kernel was built without perf events";
    default:
      return fmt::format("perf_event_open: {}", std::strerror(error));
  }
}

}  // namespace

PerfCounters::PerfCounters() {
  for (const Event& event : kEvents) {
    int fd = open_event(event, false);
    bool user_only = false;
    if (fd < 0 && (errno == EACCES || errno == EPERM)) {
      user_only = true;
      fd = open_event(event, true);
    }
    report::CounterState state;
    state.name = event.name;
    state.available = fd >= 0;
    if (fd < 0) {
      state.reason = reason_of(errno, event);
    } else {
      if (user_only) state.reason = "counted outside the kernel only";
      open_.push_back({event.name, fd});
    }
    states_.push_back(std::move(state));
  }
}

PerfCounters::~PerfCounters() {
  for (const Open& o : open_) close(o.fd);
}

std::map<std::string, PerfCounters::Reading> PerfCounters::read() const {
  std::map<std::string, Reading> readings;
  for (const Open& o : open_) {
    std::uint64_t values[3] = {};
    if (::read(o.fd, values, sizeof values) == sizeof values) {
      readings[o.name] = {values[0], values[1], values[2]};
    }
  }
  return readings;
}

const PerfCounters& process_counters() {
  static const PerfCounters counters;
  return counters;
}

void add_counts(const std::map<std::string, PerfCounters::Reading>& before,
                const std::map<std::string, PerfCounters::Reading>& after,
                std::map<std::string, double>& totals, std::optional<double>& running_ratio) {
  for (const auto& [name, end] : after) {
    const auto it = before.find(name);
    if (it == before.end()) continue;
    const PerfCounters::Reading& start = it->second;
    const auto enabled = static_cast<double>(end.enabled_ns - start.enabled_ns);
    const auto running = static_cast<double>(end.running_ns - start.running_ns);
    if (running <= 0.0) continue;  // it never got a counter in this time: not zero, unknown
    totals[name] += static_cast<double>(end.value - start.value) * enabled / running;
    running_ratio = std::min(running_ratio.value_or(1.0), running / enabled);
  }
}

}  // namespace ryz
