#include "reports/machine_shift.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "reports/statistics.h"

namespace ryz::report {
namespace {

constexpr double kComputeMargin = 3.0;

struct Works {
  std::vector<double> compute, memory;
};

std::map<unsigned, Works> works_of(const Report& report) {
  std::map<unsigned, Works> works;
  for (const Cell& cell : report.cells) {
    for (const Sample& s : cell.samples) {
      if (!s.disturbed.empty() || s.reference_compute_ns.value_or(0) == 0 ||
          s.reference_memory_ns.value_or(0) == 0) {
        continue;
      }
      Works& w = works[cell.threads];
      w.compute.push_back(std::log(static_cast<double>(*s.reference_compute_ns)));
      w.memory.push_back(std::log(static_cast<double>(*s.reference_memory_ns)));
    }
  }
  return works;
}

}  // namespace

std::map<unsigned, MachineShift> machine_shifts(const Report& base, const Report& fresh) {
  const std::map<unsigned, Works> before = works_of(base);
  std::map<unsigned, MachineShift> shifts;
  for (const auto& [threads, after] : works_of(fresh)) {
    const auto found = before.find(threads);
    if (found == before.end()) continue;
    shifts[threads] = {median(after.compute) - median(found->second.compute),
                       median(after.memory) - median(found->second.memory)};
  }
  return shifts;
}

double allowance_of(const MachineShift& shift, const Cell& cell) {
  // What reads at an unknown share of the roof may be bound by it.
  double share = 1.0;
  if (cell.roofline && cell.roofline->roof_ratio) {
    share = std::clamp(*cell.roofline->roof_ratio, 0.0, 1.0);
  }
  return kComputeMargin * std::abs(shift.compute) + share * std::abs(shift.memory);
}

}  // namespace ryz::report
