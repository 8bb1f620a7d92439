// One line a cell, for spreadsheets and plots.
#pragma once

#include <string>

#include "reports/report.h"

namespace ryz::report {

// RFC 4180 with a header line; what was not measured is empty.
std::string render_csv(const Report& report);

}  // namespace ryz::report
