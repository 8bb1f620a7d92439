// Pieces of the HTML page's data, shared by the files that make it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "reports/compare.h"

namespace ryz::report {

using PageJson = nlohmann::ordered_json;

// As many digits as were measured; null where there is no number.
PageJson number(double value, int digits = 5);
PageJson number(const std::optional<double>& value);

PageJson page_comparison(const CompareResult& comparison);

}  // namespace ryz::report
