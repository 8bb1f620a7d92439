// Reports and comparisons as JUnit XML, which CI systems show as a list of tests.
#pragma once

#include <string>

#include "reports/compare.h"
#include "reports/report.h"

namespace ryz::report {

// A test case a cell, a verdict and a gate. Only what the exit code counts is a failure: a wrong
// cell (unless its encoding is known to be), a gate or a verdict where the run ended because of it.
// The rest says what it found in its output.
std::string render_junit(const Report& report);

// A test case a cell of either report. Gated cells that regressed, went missing or turned wrong are
// failures; where the reports are not comparable, each fact that differs is an error instead.
std::string render_junit(const CompareResult& result);

}  // namespace ryz::report
