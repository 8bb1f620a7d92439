// Tables of limits: what bounds each cell, and how near the simulation of schedules came.
#pragma once

#include <vector>

#include "reports/render/summary.h"

namespace ryz::report {

// Of each phase the cells with a speed: traffic and multiply-adds a second, their shares of the
// roofs measured with as many threads, and what bounds them. At most `most` rows a phase, the
// fastest first; the title says how many are left out.
std::vector<TitledTable> roof_tables(const Report& report, std::size_t most);

// Simulated against measured times; those that are further off than they should be stand out.
Table prediction_table(const Report& report);

}  // namespace ryz::report
