// Reports for a terminal: ASCII, at most `width` columns (but for a width too small for one word).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

struct TextOptions {
  std::size_t width = 80;
  bool color = false;
  bool all = false;  // also what is usually folded: evidence and rules, cells that did not change
};

std::string render_text(const Report& report, const TextOptions& options);
std::string render_verdicts(const std::vector<Verdict>& verdicts, const TextOptions& options);
std::string render_catalogue(const std::vector<CatalogueEntry>& catalogue,
                             const TextOptions& options);
std::string render_machine(const Machine& machine, const TextOptions& options);

}  // namespace ryz::report
