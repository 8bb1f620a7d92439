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

const char* adjust_name(Adjust adjust) {
  switch (adjust) {
    case Adjust::kBenjaminiHochberg:
      return "bh";
    case Adjust::kHolm:
      return "holm";
    case Adjust::kNone:
      break;
  }
  return "none";
}

Json test(const SpeedTest& t, const std::optional<double>& q) {
  Json json{{"measure", t.measure}};
  constexpr const char* kUnusable = "fewer than two rounds with samples";
  const auto usable = [&](double v) { return t.usable ? std::optional(v) : std::nullopt; };
  put(json, "p", usable(t.shift.p), kUnusable);
  put(json, "q", q, "the cell is not in the gate");
  put(json, "floor_ratio", usable(std::expm1(t.floor)), kUnusable);
  json["floor_source"] = t.floor_source;
  put(json, "other_change_ratio",
      t.other_estimate ? std::optional(std::expm1(*t.other_estimate)) : std::nullopt,
      t.measure == "fastest" ? "each side's fastest samples are compared, as they are"
                             : "no fixed work was measured beside every sample");
  put(json, "usual_change_ratio",
      t.usual ? std::optional(std::expm1(t.usual->estimate)) : std::nullopt,
      t.measure == "fastest" ? "no more than equal code shows" : "it is what is compared");
  json["rounds_base"] = t.shift.n_base;
  json["rounds_new"] = t.shift.n_fresh;
  json["disturbed_base"] = t.disturbed_base;
  json["disturbed_new"] = t.disturbed_fresh;
  return json;
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
  if (r.test) json["test"] = test(*r.test, r.q);
  if (r.rounds_needed) json["rounds_needed"] = *r.rounds_needed;
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
  json["options"] = {
      {"threshold_ratio", r.threshold},  {"allow", r.allow},           {"alpha", r.alpha},
      {"adjust", adjust_name(r.adjust)}, {"min_rounds", r.min_rounds}, {"paired", r.paired}};
  json["comparable"] = r.comparable();
  json["hard_differences"] = differences(r.hard);
  json["soft_differences"] = differences(r.soft);
  json["rows"] = Json::array();
  for (const CompareRow& one : r.rows) json["rows"].push_back(row(one));
  json["summary"] = summary(r);
  json["warnings"] = r.warnings;
  json["gate"] = {{"verdict", r.verdict},
                  {"exit_code", r.exit_code},
                  {"hint", r.hint},
                  {"underpowered", r.underpowered}};
  if (r.rounds_needed) json["gate"]["rounds_needed"] = *r.rounds_needed;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ryz::report
