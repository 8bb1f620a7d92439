// The scheduling faults of the engine as it was found, each alone: what a cell is with it and
// without it. `as found` has all of them, `repaired` has none; each repair can be taken back alone.
#pragma once

#include <string>
#include <vector>

#include "harness/plan/cells.h"

namespace ryz {

struct SchedulingFault {
  const char* name;  // as `--keep-fault` calls it
  const char* code;  // of the verdict
  const char* what;  // a phrase
  void (*put)(CellSpec& spec);
  void (*repair)(CellSpec& spec);
};
const std::vector<SchedulingFault>& scheduling_faults();

// The schedules that `--bundle` and `--keep-fault` name, without duplicates. `bundles`: as-found,
// repaired. `faults`: values of the axis, each either names of faults joined by '+' (kept
// together), `none`, `all` (each alone) or `together`; they are put into the repaired bundle.
// Throws UsageError.
std::vector<SchedulePlan> schedule_bundles(const std::string& bundles, const std::string& faults);

}  // namespace ryz
