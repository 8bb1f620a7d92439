// Event counters of the kernel's perf subsystem, of this process and the threads it starts later.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz {

class PerfCounters {
 public:
  // Opens what the kernel allows. To be made before any thread that shall be counted.
  PerfCounters();
  ~PerfCounters();
  PerfCounters(const PerfCounters&) = delete;
  PerfCounters& operator=(const PerfCounters&) = delete;

  struct Reading {
    std::uint64_t value = 0, enabled_ns = 0, running_ns = 0;
  };
  // By name; only those that could be opened.
  std::map<std::string, Reading> read() const;

  // What there is, and why the rest is not there and what would help.
  const std::vector<report::CounterState>& states() const { return states_; }

 private:
  struct Open {
    std::string name;
    int fd = -1;
  };
  std::vector<Open> open_;
  std::vector<report::CounterState> states_;
};

// The process's own, opened at the first call.
const PerfCounters& process_counters();

// Adds what was counted between two readings to `totals` (scaled by the share of time the event
// really ran) and lowers `running_ratio` to the smallest such share.
void add_counts(const std::map<std::string, PerfCounters::Reading>& before,
                const std::map<std::string, PerfCounters::Reading>& after,
                std::map<std::string, double>& totals, std::optional<double>& running_ratio);

}  // namespace ryz
