// Whether two reports were taken under the same conditions. Private to compare.
#pragma once

#include <string>
#include <vector>

#include "reports/compare.h"

namespace ryz::report {

// Facts that decide what a cell can reach: speeds under different ones say nothing about the code.
std::vector<Difference> hard_differences(const Report& base, const Report& fresh,
                                         const std::vector<std::string>& allow);

// Facts that may explain a change and are listed with it.
std::vector<Difference> soft_differences(const Report& base, const Report& fresh);

}  // namespace ryz::report
