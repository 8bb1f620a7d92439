// What of a report the terminal and Markdown renderings show: the best cells, the ladder, one curve
// a phase. Tables come from here, so that both say the same.
#pragma once

#include <string>
#include <vector>

#include "reports/render/table.h"
#include "reports/report.h"

namespace ryz::report {

struct TitledTable {
  std::string title;
  Table table;
};

// One a phase: a row for each kernel and encoding that ran, its best schedule per thread count.
// As many thread counts as `width` has room for, the fewest and the most always.
std::vector<TitledTable> speed_tables(const Report& report, std::size_t width);

// Of each phase the curve that is highest at its last measured point.
std::vector<TitledTable> scaling_tables(const Report& report);
std::size_t curves_not_shown(const Report& report);

// Error against the activations' RMS: a row for each RMS, a column for each encoding.
Table encoding_error_table(const Report& report);

Table ladder_table(const Report& report);
Table fault_table(const Report& report);
Table catalogue_table(const std::vector<CatalogueEntry>& catalogue);

// One paragraph each.
std::string machine_line(const Machine& machine);
std::string model_line(const Model& model);
std::string plan_line(const Report& report);
std::string catalogue_line(const Report& report);
std::string gate_line(const Gate& gate);

}  // namespace ryz::report
