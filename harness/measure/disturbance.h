// What the machine did to a sample besides running it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/schedule.h"
#include "reports/report.h"

namespace ryz {

// Counters of this process and its CPUs at one moment.
struct MachineState {
  double cpu_s = 0.0;  // of all threads of the process
  std::uint64_t involuntary_switches = 0;
  std::uint64_t page_faults = 0;
  std::optional<std::uint64_t> steal_ns;  // of all CPUs in /proc/stat; ticks of 10 ms
};
MachineState read_machine_state();

// Steal time of the line "cpu  user nice system idle iowait irq softirq steal ..."; empty where it
// has no such field.
std::optional<std::uint64_t> parse_steal_ns(const std::string& proc_stat, long ticks_per_s);

// The rule, apart from the clocks: writes what happened between two states into the sample, and
// what of it makes the sample suspect.
void describe_disturbance(const MachineState& before, const MachineState& after, unsigned threads,
                          std::uint64_t migrations, report::Sample& sample);

// Around one sample.
class DisturbanceMeter {
 public:
  explicit DisturbanceMeter(const Team& team);
  void finish(const Team& team, report::Sample& sample) const;

 private:
  std::vector<Placement> placements_;
  MachineState before_;
};

// Marks samples ("clock") before which the fixed compute work took over 15 % longer than it
// usually did with as many threads. `samples` are those of one thread count.
void mark_slow_clock(const std::vector<report::Sample*>& samples);

}  // namespace ryz
