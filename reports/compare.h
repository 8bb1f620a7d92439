// Two reports side by side: which cells became slower, faster, wrong or went missing, and whether
// the reports can be compared at all.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

inline constexpr const char* kCompareSchemaName = "ryz-lab/compare";
inline constexpr const char* kCompareSchemaVersion = "1.0.0";

// In the order they are listed: worst first.
enum class Change : std::uint8_t {
  kInvalid,
  kRegressed,
  kMissing,
  kUnclear,
  kImproved,
  kAdded,
  kSame,
};
inline constexpr std::size_t kChanges = 7;
const char* change_name(Change change);  // "INVALID", "REGRESSED", ...

struct CompareOptions {
  double threshold = 0.05;         // a change of the median below this is none
  std::size_t min_samples = 3;     // rounds a cell needs on both sides to be gated
  bool fail_on_unclear = false;    // any UNCLEAR cell gives exit 6
  std::vector<std::string> allow;  // keys that may differ: "cpu_model", "machine", "all", ...
};

// What the rule for speeds says of one cell that is ok on both sides.
struct Judgement {
  Change change = Change::kUnclear;
  std::string reason;
  double change_ratio = 0.0;  // fresh / base - 1: below zero is slower
  double ci_lo = 0.0, ci_hi = 0.0;
};

// The only place that decides about speeds. The medians must differ by the threshold, and the 95 %
// intervals must not overlap; else the cell is SAME or UNCLEAR. An interval that does not even hold
// its own median excuses nothing: then the medians decide alone.
Judgement judge_speed(const Throughput& base, const Throughput& fresh, double threshold);

struct CompareRow {
  std::string id;
  Change change = Change::kSame;
  std::string reason;  // a code: "clear", "overlap", "not_run", ...
  std::string detail;  // the cell's own words: why it is wrong, skipped or failed
  bool gated = false;
  std::string base_status, fresh_status;  // "absent" where the report has no such cell
  std::optional<double> base_tok_per_s, fresh_tok_per_s;
  std::optional<double> change_ratio, ci_lo, ci_hi;  // where both sides have a speed
  std::size_t n_base = 0, n_fresh = 0;
};

// One fact that differs between the reports.
struct Difference {
  std::string key;  // what --allow takes
  std::string base, fresh;
  bool allowed = false;
};

struct CompareSide {
  std::string report_id, created_utc, git_sha, machine_key;
};

struct CompareResult {
  CompareSide base, fresh;
  double threshold = 0.0;
  std::vector<std::string> allow;
  std::vector<Difference> hard;  // each not allowed one makes the reports incomparable
  std::vector<Difference> soft;  // may explain a change; stops nothing
  std::vector<CompareRow> rows;  // worst first
  std::array<std::size_t, kChanges> counts{};  // of gated rows, by Change
  std::size_t gated = 0;
  // fresh / base over all cells ok on both sides, gated or not.
  std::optional<double> geomean_ratio;
  std::size_t geomean_cells = 0;
  std::vector<std::string> warnings;
  std::string verdict;  // "pass", "regressed", "missing", "wrong", "incomparable", ...
  int exit_code = 0;

  std::size_t count(Change change) const { return counts[static_cast<std::size_t>(change)]; }
  bool comparable() const;
};

CompareResult compare(const Report& base, const Report& fresh, const CompareOptions& options);

// Names that `allow` understands.
std::vector<std::string> comparability_keys();

// The document of schema/compare.schema.json.
std::string to_json(const CompareResult& result);

}  // namespace ryz::report
