#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "reports/render/compare_text.h"
#include "reports/render/html_json.h"

namespace ryz::report {
namespace {

using Json = PageJson;

Json side(const CompareSide& s) {
  return {{"id", s.report_id},
          {"created", s.created_utc},
          {"git", s.git_sha},
          {"machine", s.machine_key}};
}

Json differences(const std::vector<Difference>& list) {
  Json all = Json::array();
  for (const Difference& d : list) {
    all.push_back({{"key", d.key}, {"base", d.base}, {"fresh", d.fresh}, {"allowed", d.allowed}});
  }
  return all;
}

}  // namespace

PageJson number(double value, int digits) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return static_cast<std::int64_t>(value);
  }
  return std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr);
}

PageJson number(const std::optional<double>& value) {
  return value ? number(*value) : PageJson(nullptr);
}

PageJson page_comparison(const CompareResult& c) {
  Json rows = Json::array();
  for (const CompareRow& r : c.rows) {
    // Speeds of machines that cannot be compared are left out here as everywhere.
    const bool shown = c.comparable();
    rows.push_back({{"id", r.id},
                    {"state", change_name(r.change)},
                    {"rank", static_cast<int>(r.change)},
                    {"reason", r.reason},
                    {"detail", r.detail},
                    {"gated", r.gated},
                    {"baseStatus", r.base_status},
                    {"freshStatus", r.fresh_status},
                    {"baseSpeed", shown ? number(r.base_tok_per_s) : Json(nullptr)},
                    {"freshSpeed", shown ? number(r.fresh_tok_per_s) : Json(nullptr)},
                    {"change", shown ? number(r.change_ratio) : Json(nullptr)},
                    {"lo", shown ? number(r.ci_lo) : Json(nullptr)},
                    {"hi", shown ? number(r.ci_hi) : Json(nullptr)}});
  }
  return {{"base", side(c.base)},          {"fresh", side(c.fresh)}, {"hard", differences(c.hard)},
          {"soft", differences(c.soft)},   {"warnings", c.warnings}, {"comparable", c.comparable()},
          {"summary", compare_summary(c)}, {"verdict", c.verdict},   {"exitCode", c.exit_code},
          {"rows", std::move(rows)}};
}

}  // namespace ryz::report
