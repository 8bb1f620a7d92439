// Comparisons for a terminal.
#pragma once

#include <string>

#include "reports/compare.h"
#include "reports/render/text.h"

namespace ryz::report {

// `options.all` also lists the cells that did not change.
std::string render_text(const CompareResult& result, const TextOptions& options);

// "74.00 -> 66.10 tok/s", "ok -> skipped".
std::string before_after(const CompareRow& row);
// "-10.7% [-12.0,-9.2]", or empty.
std::string change_with_interval(const CompareRow& row);
// "gate: 24 cells, 1 regressed, 22 same, ...; geomean -0.7% over 24 cells".
std::string compare_summary(const CompareResult& result);
// "--allow cpu_model,llc_bytes": what would make the reports comparable; empty if nothing is
// needed.
std::string allow_hint(const CompareResult& result);

}  // namespace ryz::report
