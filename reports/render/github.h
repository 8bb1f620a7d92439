// Workflow commands that put a comparison's findings on a pull request's checks page.
#pragma once

#include <string>

#include "reports/compare.h"

namespace ryz::report {

// One line a finding (::error, ::warning, ::notice), worst first, at most 10 of each kind, as the
// runner shows no more; then the verdict.
std::string render_github(const CompareResult& result);

}  // namespace ryz::report
