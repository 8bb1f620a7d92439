// The JSON Schemas of schema/, built into the program: what it writes, they describe.
#pragma once

#include <string_view>

namespace ryz::report {

std::string_view report_schema();
std::string_view compare_schema();

}  // namespace ryz::report
