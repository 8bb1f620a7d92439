// PERFORMANCE_FIX_LOG.md: the three blockers as a checklist with the numbers of one report, before
// and after each repair, what they rest on, and how to take the repair back.
#pragma once

#include <string>

#include "reports/error.h"
#include "reports/report.h"

namespace ryz::report {

// `svg_name` is how the document refers to its graph. Throws ReportError where the report has no
// ladder: `ryz-lab diagnose` measures one.
std::string render_fix_log(const Report& report, const std::string& svg_name);

// The ladder as an SVG: measured speeds with their intervals beside the promised ones, on a
// logarithmic axis. Drawn for light and dark pages.
std::string ladder_svg(const Report& report);

// Writes the document to `path` and its graph beside it, `.md` replaced by `.svg`.
void write_fix_log(const Report& report, const std::string& path);

}  // namespace ryz::report
