// The main job: one model, every combination, the ladder, three verdicts, one report.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/measure/runner.h"
#include "harness/plan/cells.h"
#include "kernels/catalogue.h"
#include "reports/report.h"

namespace ryz {

struct LabOptions {
  std::string model;         // path or preset; empty: the command's own choice
  std::string ladder_model;  // empty: the same model; "none": no ladder
  Axes axes;
  RunOptions run;
  std::vector<std::int32_t> prompt;
  std::string filter, exclude;           // regular expressions on cell ids
  std::uint64_t seed = 42;               // of preset weights and of the rounds' order
  double fail_under = 10.0;              // tok/s on bitnet-2b4t
  bool gate_asked = false;               // whether missing it changes the exit code
  bool strict = false;                   // a blocked verdict exits 1
  bool project = false;                  // curves beyond this machine's cores
  unsigned curve_threads = 8;            // how far curves go at least
  bool attribute = false;                // where each cell's threads spend their time
  std::optional<double> dram_gbps = {};  // assumed read bandwidth for projections
  bool roofs = true;                     // measure the read bandwidth first
  bool quiet = false;
  double budget_s = 0.0;  // for the whole run; 0: none
  std::string journal;    // path; empty: none
  bool resume = false;
  // A fault is in (or "none" was asked for): verdicts come of controls beside the best cell.
  bool self_test = false;
  std::string fault;  // its name, for the report's warnings
};

// Matrix, ladder, curves, verdicts, gate. Never throws for what a cell does; throws UsageError or
// InputError before anything is measured.
report::Report run_diagnose(const LabOptions& options, const Catalogue& catalogue,
                            const std::vector<std::string>& argv);

// The matrix alone.
report::Report run_sweep(const LabOptions& options, const Catalogue& catalogue,
                         const std::vector<std::string>& argv);

// Physical cores' CPU numbers of this machine, for teams.
std::vector<int> machine_cpus();

}  // namespace ryz
