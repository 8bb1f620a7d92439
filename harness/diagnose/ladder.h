// The ladder: from the naive product over the engine as it was found to the best of the
// catalogue, each stage measured on the full model at 1 and at all physical cores, and each
// scheduling fault put alone on the last stage.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "harness/measure/runner.h"
#include "harness/measure/session.h"
#include "kernels/catalogue.h"
#include "reports/report.h"

namespace ryz {

struct LadderOptions {
  RunOptions run;
  unsigned threads = 1;   // all physical cores
  double cpus = 1.0;      // that may be busy at once
  std::string model;      // tag of the cells' ids; empty where the matrix has the same model
  bool promised = false;  // the promised figures are for this model's shape
  // Kernels to try for the last stage, by expected speed; the fastest measured is the stage.
  std::vector<const Kernel*> candidates;
  // Reads the memory beside the last stage, for its roof; empty: no roof holds for this model.
  std::function<std::vector<report::Bandwidth>()> read_bandwidth;
};

struct LadderResult {
  std::vector<report::LadderStage> stages;
  std::vector<report::FaultCost> faults;
  std::vector<report::Verdict> verdicts;  // of the last stage with all threads
  std::vector<report::Cell> cells;
  std::optional<report::Cell> best;  // the last stage's cell with all threads
  bool complete = true;
};

LadderResult run_ladder(Session& session, KernelChecks& checks, const Catalogue& catalogue,
                        const LadderOptions& options, Progress& progress);

}  // namespace ryz
