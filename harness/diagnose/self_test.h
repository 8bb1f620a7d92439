// The cells beside a subject that tell why it is slow: the same cell by another way in one respect
// at a time, in the same rounds. Verdicts come of what they measure.
#pragma once

#include <vector>

#include "harness/measure/runner.h"
#include "harness/plan/cells.h"
#include "kernels/catalogue.h"
#include "reports/report.h"

namespace ryz {

struct SelfTest {
  std::vector<report::Cell> cells;
  std::vector<report::Verdict> verdicts;  // simd, encoding, threading
  bool complete = true;
};

// `subject` in its decode phase at `threads`. `kernels` are all that the run called, as they were
// executed; each exact one is probed alone. `wrong`: an exact cell that was wrong, or null.
SelfTest run_self_test(Session& session, KernelChecks& checks, const Catalogue& catalogue,
                       CellSpec subject, unsigned threads,
                       const std::vector<const Kernel*>& kernels, const report::Cell* wrong,
                       const RunOptions& options, Progress& progress);

}  // namespace ryz
