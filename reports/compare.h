// Two reports side by side: which cells became slower, faster, wrong or went missing, and whether
// the reports can be compared at all.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reports/report.h"
#include "reports/speed_shift.h"

namespace ryz::report {

inline constexpr const char* kCompareSchemaName = "ryz-lab/compare";
inline constexpr const char* kCompareSchemaVersion = "1.3.0";

struct FailOn {
  bool regression = true, missing = true, correctness = true;
  bool inconclusive = false;  // any UNCLEAR gated cell gives exit 6
  bool verdict = false;       // a verdict that was clear and is blocked now gives exit 1
};

struct CompareOptions {
  double threshold = 0.05;  // a smaller change is none
  double alpha = 0.05;      // of the adjusted p
  Adjust adjust = Adjust::kBenjaminiHochberg;
  std::size_t min_rounds = 8;  // a cell of the default gate has at least so many in base
  bool paired = false;         // round i of both reports was taken together
  bool allow_underpowered = false;
  FailOn fail_on = {};
  std::vector<std::string> allow;  // keys that may differ: "cpu_model", "machine", "all", ...
  // Which `ok` cells of base count; empty: exact ones with min_rounds rounds.
  std::function<bool(const Cell&)> gate;
  // Other reports of the base's code on this machine: how far equal code differs.
  std::vector<const Report*> calibration;
};

struct CompareRow {
  std::string id;
  Change change = Change::kSame;
  std::string reason;  // a code: "clear", "wide_ci", "below_floor", "not_run", ...
  std::string detail;  // the cell's own words: why it is wrong, skipped or failed
  bool gated = false;
  std::string base_status, fresh_status;  // "absent" where the report has no such cell
  std::optional<double> base_tok_per_s, fresh_tok_per_s;
  std::optional<double> change_ratio, ci_lo, ci_hi;  // where both sides have a speed
  std::size_t n_base = 0, n_fresh = 0;
  // How it was judged; empty where there was nothing to judge.
  std::optional<SpeedTest> test;
  std::optional<double> q;  // p adjusted over the gated cells; only for those
  std::optional<std::size_t> rounds_needed;
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
  double threshold = 0.0, alpha = 0.0;
  Adjust adjust = Adjust::kBenjaminiHochberg;
  std::size_t min_rounds = 0;
  bool paired = false;
  std::vector<std::string> allow;
  std::vector<Difference> hard;  // each not allowed one makes the reports incomparable
  std::vector<Difference> soft;  // may explain a change; stops nothing
  std::vector<CompareRow> rows;  // worst first
  std::array<std::size_t, kChanges> counts{};  // of gated rows, by Change
  std::size_t gated = 0;
  // Gated cells whose rounds cannot give a significant p whatever they hold, and how many would.
  std::size_t underpowered = 0;
  std::optional<std::size_t> rounds_needed;
  // fresh / base over all cells ok on both sides, gated or not.
  std::optional<double> geomean_ratio;
  std::size_t geomean_cells = 0;
  std::vector<std::string> warnings;
  std::string verdict;  // "pass", "regressed", "missing", "wrong", "incomparable", ...
  std::string hint;     // what to do where the gate could not tell
  int exit_code = 0;

  std::size_t count(Change change) const { return counts[static_cast<std::size_t>(change)]; }
  bool comparable() const;
};

CompareResult compare(const Report& base, const Report& fresh, const CompareOptions& options);

// A second measurement of the first's regressed cells: those that did not regress again become
// UNCLEAR ("not_confirmed"), the others "confirmed"; the verdict follows.
void confirm_regressions(CompareResult& first, const CompareResult& second,
                         const CompareOptions& options);

// Names that `allow` understands.
std::vector<std::string> comparability_keys();

// The document of schema/compare.schema.json.
std::string to_json(const CompareResult& result);

}  // namespace ryz::report
