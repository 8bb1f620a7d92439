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

struct SelfTestPlan {
  CellSpec subject;                     // its decode phase at `threads` is looked at
  unsigned threads = 1;                 // all cores
  double cpus = 1.0;                    // that may be busy at once
  std::vector<const Kernel*> kernels;   // called by the run, as executed; exact ones run alone
  const report::Cell* wrong = nullptr;  // an exact cell that was wrong, if any
  RunOptions run;
};
SelfTest run_self_test(Session& session, KernelChecks& checks, const Catalogue& catalogue,
                       const SelfTestPlan& plan, Progress& progress);

}  // namespace ryz
