// A report as one HTML file that opens from disk without a network: page, style, Chart.js and the
// report's data together. Assets are in html/; CMake puts them into the program.
#pragma once

#include <string>
#include <string_view>

#include "reports/compare.h"
#include "reports/report.h"

namespace ryz::report {

// With `comparison`, whose new side is `report`, the page has a section about it.
std::string render_html(const Report& report, const CompareResult* comparison = nullptr);

// The data of the page: compact JSON in which no "<" occurs, so that nothing in a report can end
// the element that holds it. Strings are interned, numbers have five digits: the page's weight
// goes with its cells.
std::string page_data(const Report& report, const CompareResult* comparison);

// Assets, as CMake found them.
std::string_view page_template();
std::string_view page_style();
std::string_view page_script();
std::string_view chart_library();  // Chart.js of Debian's libjs-chart.js

}  // namespace ryz::report
