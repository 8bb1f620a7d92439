// Two binaries measured together: runs of one and the other in ABBA order, so that what drifts and
// who goes first cancel. For machines too restless for two reports apart.
#pragma once

#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz {

struct ExecOptions {
  std::string base, fresh;         // the binaries
  std::vector<std::string> flags;  // of their `sweep` (or of the command that comes first)
  unsigned pairs = 12;
  unsigned rounds = 3;  // of each run, where the flags do not say
  bool quiet = false;
  bool (*interrupted)() = nullptr;
};

// The runs of each side as one report: round i holds the samples of pair i, and a cell that was not
// ok in one run is not ok. `interrupted` leaves them incomplete.
struct ExecReports {
  report::Report base, fresh;
  bool interrupted = false;
};

// Throws ReportError where a binary cannot be run, fails, or writes no report.
ExecReports run_pairs(const ExecOptions& options);

// Adds one run's report to the side's as round `pair`. The first one brings everything else.
void add_run(report::Report& side, const report::Report& run, unsigned pair);

// "^(id1|id2)$" with the ids' own characters taken literally.
std::string filter_of(const std::vector<std::string>& ids);

}  // namespace ryz
