// Reports as files: JSON (RFC 8259: no NaN, no infinity) in the layout of
// schema/report.schema.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/error.h"
#include "reports/files.h"
#include "reports/report.h"

namespace ryz::report {

std::string to_json(const Report& report);

// Reads any report of this major version; members it does not know are ignored. Throws ReportError
// for everything else. `where` names the source in messages.
Report from_json(std::string_view text, const std::string& where);

Report read_report(const std::string& path);
void write_report(const Report& report, const std::string& path);

// Parts of the document on their own, for `list` and `info`.
std::string to_json(const std::vector<CatalogueEntry>& catalogue);
std::string to_json(const Machine& machine);

}  // namespace ryz::report
