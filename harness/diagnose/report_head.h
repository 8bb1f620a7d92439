// The part of a report that is known before anything is measured.
#pragma once

#include <string>
#include <vector>

#include "harness/diagnose/diagnose.h"
#include "kernels/catalogue.h"
#include "model/weights.h"
#include "reports/report.h"

namespace ryz {

report::Model describe_model(const Weights& weights);

// What every command's report says of machine, build and catalogue.
report::Report begin_report(const std::string& command, const std::vector<std::string>& argv,
                            const LabOptions& options, const Catalogue& catalogue);

// Table bytes for a model's widest product, and what the engine's layout would need for it.
void fill_table_bytes(report::Report& report, const Config& config, const Catalogue& catalogue);

}  // namespace ryz
