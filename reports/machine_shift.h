// How far the machine itself moved between two reports, by the fixed works that were measured
// beside every sample. Which of a kernel's needs a neighbour took cannot be seen, only that one
// was there: what it did to the fixed works bounds, with a margin, what it may have done to a cell.
#pragma once

#include <map>

#include "reports/report.h"

namespace ryz::report {

// Of one number of threads: natural logarithms of fresh / base of how long the works took, over
// all undisturbed samples of that many threads.
struct MachineShift {
  double compute = 0.0;
  double memory = 0.0;
};

// Thread counts whose samples carry the works' times in both reports.
std::map<unsigned, MachineShift> machine_shifts(const Report& base, const Report& fresh);

// The largest |log change| of `cell`'s speed that such a move may account for on equal code: three
// times what the compute work moved (cells move up to so much more than it where a neighbour
// shares the core), and of what the memory work moved the cell's share of the read bandwidth.
double allowance_of(const MachineShift& shift, const Cell& cell);

}  // namespace ryz::report
