// Runs cells: each checked against the naive result, then sampled in rounds that visit every live
// cell once in seeded random order, so that drift falls on all alike.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/measure/correctness.h"
#include "harness/measure/progress.h"
#include "harness/measure/session.h"
#include "harness/plan/cells.h"
#include "reports/journal.h"
#include "reports/report.h"

namespace ryz {

struct RunOptions {
  unsigned rounds = 3;
  // Cells that a comparison shall be able to gate get so many rounds, the last ones among
  // themselves. Chosen by what they are, never by how fast they were: two runs must choose alike.
  unsigned gate_rounds = 0;
  std::function<bool(const CellSpec&)> in_gate;
  double sample_ms = 50.0;
  unsigned prefill_tokens = 16;
  unsigned decode_tokens = 0;  // of a sample; 0: as many as --sample-ms takes
  std::uint64_t seed = 42;
  // Below this pilot speed a cell gets one sample of one token and one grain; a prompt that takes
  // longer than this and than a sample and a half, one sample of one prompt and one grain. Cells to
  // gate have a limit of their own, far from what they take on a model that is compared.
  double few_samples_below_tok_per_s = 3.0;
  double slow_prompt_s = 0.075;
  double slow_gate_prompt_s = 0.4;
  double long_check_s = 0.5;  // a cell's own check is of the whole prompt where it is shorter
  bool time_wrong = false;    // the ladder shows what a wrong stage ran at
  unsigned slow_rounds = 1;   // samples of a cell below that speed
  // Kernels that are only there to be compared with: their products and the cell's first token
  // are checked, not the whole prompt.
  std::vector<const Kernel*> probes;
  bool one_grain_when_slow = true;
  std::function<bool()> stop;  // asked between samples; true ends the run early
  // Rounds beyond three are left out where they would end after `deadline`; after `stop_at` no
  // samples are taken at all (the run is then incomplete).
  std::optional<std::chrono::steady_clock::time_point> deadline, stop_at;
  report::Journal* journal = nullptr;  // where each sample goes at once, and comes from
  // What is run in place of what was asked, where a fault was put in; everything that is reported
  // of the request stays as asked.
  std::function<CellSpec(const CellSpec&)> execute;
};

struct CellResult {
  CellSpec spec;
  report::Cell cell;
  // What it ran at whether right or wrong; cell.tok_per_s is only set where right.
  std::optional<report::Throughput> speed;
};

struct RunResult {
  std::vector<CellResult> cells;  // in the order given
  bool complete = true;
  bool rounds_left_out = false;  // to hold the deadline
};

// `checks` belong to the session and may be shared by several runs on it.
RunResult run_cells(Session& session, KernelChecks& checks, const std::vector<CellSpec>& specs,
                    const RunOptions& options, Progress& progress, const std::string& title);

}  // namespace ryz
