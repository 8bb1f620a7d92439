// Scaling curves out of measured cells: every point says whether it was measured.
#pragma once

#include <vector>

#include "reports/report.h"

namespace ryz {

// One curve a phase, kernel, encoding and schedule with an `ok` cell, over 1..most threads; points
// without a cell carry the reason. Fills the cells' speed-up and efficiency too (paired by round
// with the one-thread cell of the same curve).
std::vector<report::Curve> scaling_curves(std::vector<report::Cell>& cells, unsigned most_threads,
                                          unsigned physical_cores);

}  // namespace ryz
