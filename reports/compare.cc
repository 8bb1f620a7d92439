#include "reports/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/comparability.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

// Exit codes, worst first: a wrong result outranks everything a compare can find.
constexpr int kPass = 0;
constexpr int kGateFailed = 1;
constexpr int kIncomparable = 3;
constexpr int kWrongResult = 4;
constexpr int kTooWeak = 6;
constexpr int kIncomplete = 8;

bool holds_its_median(const Throughput& t) { return t.ci_lo <= t.median && t.median <= t.ci_hi; }

bool positive(double value) { return std::isfinite(value) && value > 0.0; }

bool has_speed(const Cell& cell) {
  return cell.status == Status::kOk && cell.tok_per_s && positive(cell.tok_per_s->median);
}

std::size_t rounds(const Cell* cell) {
  return cell != nullptr && cell->tok_per_s ? cell->tok_per_s->n : 0;
}

std::string reason_of(const Cell* cell) {
  return cell != nullptr ? cell->status_reason : std::string();
}

bool enough_samples(const Cell& cell, const CompareOptions& options) {
  return has_speed(cell) && !cell.few_samples && rounds(&cell) >= options.min_samples;
}

// One cell of either report, or both.
class Matcher {
 public:
  explicit Matcher(const CompareOptions& options) : options_(options) {}

  CompareRow row(const std::string& id, const Cell* base, const Cell* fresh) const {
    CompareRow row;
    row.id = id;
    row.base_status = base != nullptr ? status_name(base->status) : "absent";
    row.fresh_status = fresh != nullptr ? status_name(fresh->status) : "absent";
    row.n_base = rounds(base);
    row.n_fresh = rounds(fresh);
    if (base != nullptr && has_speed(*base)) row.base_tok_per_s = base->tok_per_s->median;
    if (fresh != nullptr && has_speed(*fresh)) row.fresh_tok_per_s = fresh->tok_per_s->median;
    if (base != nullptr && base->status == Status::kOk) {
      was_ok(*base, fresh, row);
    } else {
      was_not_ok(base, fresh, row);
    }
    return row;
  }

 private:
  void was_ok(const Cell& base, const Cell* fresh, CompareRow& row) const {
    if (fresh == nullptr || fresh->status == Status::kSkipped || fresh->status == Status::kFailed) {
      row.change = Change::kMissing;
      row.reason = fresh == nullptr ? "not_run" : status_name(fresh->status);
      row.detail = reason_of(fresh);
      row.gated = enough_samples(base, options_);
    } else if (fresh->status == Status::kWrong) {
      row.change = Change::kInvalid;
      row.reason = "wrong";
      row.detail = fresh->status_reason;
      row.gated = true;  // however few samples: the result itself is wrong
    } else if (!has_speed(base) || !has_speed(*fresh)) {
      row.change = has_speed(base) ? Change::kMissing : Change::kUnclear;
      row.reason = "no_speed";
      row.detail = has_speed(base) ? fresh->tok_per_s_reason : base.tok_per_s_reason;
      row.gated = enough_samples(base, options_);
    } else {
      both_measured(base, *fresh, row);
    }
  }

  void both_measured(const Cell& base, const Cell& fresh, CompareRow& row) const {
    const Judgement j = judge_speed(*base.tok_per_s, *fresh.tok_per_s, options_.threshold);
    row.change = j.change;
    row.reason = j.reason;
    row.change_ratio = j.change_ratio;
    row.ci_lo = j.ci_lo;
    row.ci_hi = j.ci_hi;
    row.gated = enough_samples(base, options_) && enough_samples(fresh, options_);
    if (!row.gated) row.detail = "too few samples to be gated";
  }

  static void was_not_ok(const Cell* base, const Cell* fresh, CompareRow& row) {
    if (fresh == nullptr) {  // it had no result, and now it is not even tried
      row.change = Change::kMissing;
      row.reason = "not_run";
      row.detail = reason_of(base);
    } else if (fresh->status == Status::kWrong) {
      row.change = Change::kInvalid;
      row.detail = fresh->status_reason;
      if (base != nullptr && base->status == Status::kWrong) {
        row.reason = "wrong_in_both";
      } else {
        row.reason = "new_and_wrong";
        row.gated = !fresh->known_wrong;
      }
    } else if (fresh->status == Status::kOk) {
      const bool was_wrong = base != nullptr && base->status == Status::kWrong;
      row.change = was_wrong ? Change::kInvalid : Change::kAdded;
      row.reason = was_wrong ? "wrong_in_base" : "new_here";
      row.detail = reason_of(base);
    } else {
      row.change = base != nullptr ? Change::kSame : Change::kAdded;
      row.reason = base != nullptr ? "measured_in_neither" : status_name(fresh->status);
      row.detail = fresh->status_reason;
    }
  }

  const CompareOptions& options_;
};

using Index = std::map<std::string, const Cell*>;

Index index_of(const Report& report, const char* side, std::vector<std::string>& warnings) {
  Index index;
  for (const Cell& cell : report.cells) {
    if (!index.emplace(cell.id, &cell).second) {
      warnings.push_back(
          fmt::format("{} holds {} twice; the first one is compared", side, cell.id));
    }
  }
  return index;
}

void add_rows(const Report& base, const Report& fresh, const CompareOptions& options,
              CompareResult& result) {
  const Index before = index_of(base, "the base report", result.warnings);
  const Index after = index_of(fresh, "the new report", result.warnings);
  const Matcher matcher(options);
  for (const auto& [id, cell] : before) {
    const auto partner = after.find(id);
    result.rows.push_back(
        matcher.row(id, cell, partner == after.end() ? nullptr : partner->second));
  }
  for (const auto& [id, cell] : after) {
    if (before.find(id) == before.end()) result.rows.push_back(matcher.row(id, nullptr, cell));
  }
  // What counts comes before what is only listed; then by state, then the largest loss.
  std::stable_sort(result.rows.begin(), result.rows.end(),
                   [](const CompareRow& a, const CompareRow& b) {
                     if (a.gated != b.gated) return a.gated;
                     if (a.change != b.change) return a.change < b.change;
                     return a.change_ratio.value_or(0.0) < b.change_ratio.value_or(0.0);
                   });
}

void summarize(CompareResult& result) {
  std::vector<double> ratios;
  for (const CompareRow& row : result.rows) {
    if (row.base_tok_per_s && row.fresh_tok_per_s && row.change_ratio) {
      ratios.push_back(*row.fresh_tok_per_s / *row.base_tok_per_s);
    }
    if (!row.gated) continue;
    ++result.gated;
    ++result.counts[static_cast<std::size_t>(row.change)];
  }
  result.geomean_cells = ratios.size();
  if (!ratios.empty()) result.geomean_ratio = geometric_mean(ratios);
}

CompareSide side_of(const Report& report) {
  return {report.report_id, report.created_utc, report.tool.git_sha, report.machine.key};
}

bool incomplete(const Report& base, const Report& fresh, const CompareOptions& options) {
  const auto allowed = [&](const char* key) {
    return std::find(options.allow.begin(), options.allow.end(), key) != options.allow.end();
  };
  return !(base.complete && fresh.complete) && !allowed("complete") && !allowed("all");
}

void conclude(const Report& base, const Report& fresh, const CompareOptions& options,
              CompareResult& r) {
  const auto set = [&](const char* verdict, int exit_code) {
    r.verdict = verdict;
    r.exit_code = exit_code;
  };
  const std::size_t unclear = r.count(Change::kUnclear);
  if (r.count(Change::kInvalid) > 0) {
    set("wrong", kWrongResult);
  } else if (!r.comparable()) {
    set("incomparable", kIncomparable);
  } else if (r.count(Change::kRegressed) > 0) {
    set("regressed", kGateFailed);
  } else if (r.count(Change::kMissing) > 0) {
    set("missing", kGateFailed);
  } else if (incomplete(base, fresh, options)) {
    set("incomplete", kIncomplete);
  } else if (r.gated == 0) {
    set("nothing-gated", kTooWeak);
  } else if (unclear == r.gated || (unclear > 0 && options.fail_on_unclear)) {
    set("unclear", kTooWeak);
  } else {
    set("pass", kPass);
  }
}

}  // namespace

const char* change_name(Change change) {
  switch (change) {
    case Change::kInvalid:
      return "INVALID";
    case Change::kRegressed:
      return "REGRESSED";
    case Change::kMissing:
      return "MISSING";
    case Change::kUnclear:
      return "UNCLEAR";
    case Change::kImproved:
      return "IMPROVED";
    case Change::kAdded:
      return "ADDED";
    case Change::kSame:
      break;
  }
  return "SAME";
}

Judgement judge_speed(const Throughput& base, const Throughput& fresh, double threshold) {
  Judgement j;
  j.change_ratio = fresh.median / base.median - 1.0;
  const bool intervals = holds_its_median(base) && holds_its_median(fresh) &&
                         positive(base.ci_lo) && positive(fresh.ci_lo) &&
                         std::isfinite(base.ci_hi) && std::isfinite(fresh.ci_hi);
  j.ci_lo = intervals ? fresh.ci_lo / base.ci_hi - 1.0 : j.change_ratio;
  j.ci_hi = intervals ? fresh.ci_hi / base.ci_lo - 1.0 : j.change_ratio;
  // As written, a loss of exactly 5 % is one: the quotient may miss it by a rounding.
  constexpr double kRounding = 1e-12;
  if (std::abs(j.change_ratio) < threshold - kRounding) {
    j.change = Change::kSame;
    j.reason = -threshold < j.ci_lo && j.ci_hi < threshold ? "ci_within" : "below_threshold";
  } else if (intervals && j.ci_lo <= 0.0 && 0.0 <= j.ci_hi) {
    j.change = Change::kUnclear;
    j.reason = "overlap";
  } else {
    j.change = j.change_ratio < 0.0 ? Change::kRegressed : Change::kImproved;
    j.reason = intervals ? "clear" : "no_interval";
  }
  return j;
}

bool CompareResult::comparable() const {
  return std::all_of(hard.begin(), hard.end(), [](const Difference& d) { return d.allowed; });
}

CompareResult compare(const Report& base, const Report& fresh, const CompareOptions& options) {
  CompareResult result;
  result.base = side_of(base);
  result.fresh = side_of(fresh);
  result.threshold = options.threshold;
  result.allow = options.allow;
  result.hard = hard_differences(base, fresh, options.allow);
  result.soft = soft_differences(base, fresh);
  if (!base.complete) result.warnings.emplace_back("the base report is incomplete");
  if (!fresh.complete) result.warnings.emplace_back("the new report is incomplete");
  add_rows(base, fresh, options, result);
  summarize(result);
  conclude(base, fresh, options, result);
  return result;
}

}  // namespace ryz::report
