#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "reports/compare.h"

namespace ryz::report {
namespace {

using Json = nlohmann::ordered_json;

// null needs a reason beside it.
void put(Json& object, const char* name, const std::optional<double>& value, const char* reason) {
  if (value && std::isfinite(*value)) {
    object[name] = *value;
  } else {
    object[name] = nullptr;
    object[std::string(name) + "_reason"] = reason;
  }
}

Json side(const CompareSide& s) {
  return {{"report_id", s.report_id},
          {"created_utc", s.created_utc},
          {"git_sha", s.git_sha},
          {"machine_key", s.machine_key}};
}

Json differences(const std::vector<Difference>& list) {
  Json result = Json::array();
  for (const Difference& d : list) {
    result.push_back(
        Json{{"key", d.key}, {"base", d.base}, {"new", d.fresh}, {"allowed", d.allowed}});
  }
  return result;
}

Json row(const CompareRow& r) {
  constexpr const char* kNoSpeed = "the cell has no speed there";
  constexpr const char* kNotBoth = "the cell has no speed on both sides";
  Json json{{"id", r.id},
            {"state", change_name(r.change)},
            {"reason", r.reason},
            {"detail", r.detail},
            {"gated", r.gated},
            {"status_base", r.base_status},
            {"status_new", r.fresh_status}};
  put(json, "base_tok_per_s", r.base_tok_per_s, kNoSpeed);
  put(json, "new_tok_per_s", r.fresh_tok_per_s, kNoSpeed);
  put(json, "change_ratio", r.change_ratio, kNotBoth);
  put(json, "ci_lo", r.ci_lo, kNotBoth);
  put(json, "ci_hi", r.ci_hi, kNotBoth);
  json["n_base"] = r.n_base;
  json["n_new"] = r.n_fresh;
  return json;
}

Json summary(const CompareResult& r) {
  Json json{{"cells", r.rows.size()}, {"gated", r.gated}};
  constexpr std::pair<Change, const char*> kNames[] = {
      {Change::kRegressed, "regressed"}, {Change::kImproved, "improved"}, {Change::kSame, "same"},
      {Change::kUnclear, "unclear"},     {Change::kMissing, "missing"},   {Change::kAdded, "added"},
      {Change::kInvalid, "invalid"}};
  for (const auto& [change, name] : kNames) json[name] = r.count(change);
  put(json, "geomean_ratio", r.geomean_ratio, "no cell is ok in both reports");
  json["geomean_cells"] = r.geomean_cells;
  return json;
}

}  // namespace

std::string to_json(const CompareResult& r) {
  Json json;
  json["schema"] = {{"name", kCompareSchemaName}, {"version", kCompareSchemaVersion}};
  json["base"] = side(r.base);
  json["new"] = side(r.fresh);
  json["options"] = {{"threshold_ratio", r.threshold}, {"allow", r.allow}};
  json["comparable"] = r.comparable();
  json["hard_differences"] = differences(r.hard);
  json["soft_differences"] = differences(r.soft);
  json["rows"] = Json::array();
  for (const CompareRow& one : r.rows) json["rows"].push_back(row(one));
  json["summary"] = summary(r);
  json["warnings"] = r.warnings;
  json["gate"] = {{"verdict", r.verdict}, {"exit_code", r.exit_code}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ryz::report
