// A report with every field filled and numbers that fit together, for tests.
#pragma once

#include <string>

#include "reports/report.h"

namespace ryz::report {

Report sample_report();

Cell& cell_of(Report& report, const std::string& id);

// As if every sample of the cell had taken 1 / `factor` of its time.
void scale_speed(Cell& cell, double factor);

inline constexpr const char* kSampleFast = "decode/avx512-vbmi/quad/s4/t4";

}  // namespace ryz::report
