#include "reports/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/comparability.h"
#include "reports/machine_shift.h"
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

// A number where none can stand: not a slow cell, a broken one.
bool non_finite(const Cell& cell) {
  return cell.error.non_finite || (cell.tok_per_s && !std::isfinite(cell.tok_per_s->median));
}

// An exact cell that calls itself ok beside errors that say otherwise.
bool errs(const Cell& cell) {
  return cell.error.products_worst.value_or(0.0) > cell.error.tolerance ||
         (cell.exact && cell.error.mismatches.value_or(0) > 0);
}

// How far equal code differs on this machine: the 95th percentile (of few, the largest) of
// |change| between all pairs of `reports`; empty where fewer than two hold the cell.
std::optional<double> calibrated_floor(const std::string& id,
                                       const std::vector<const Report*>& reports) {
  std::vector<const Cell*> cells;
  for (const Report* report : reports) {
    const auto found = std::find_if(report->cells.begin(), report->cells.end(),
                                    [&](const Cell& c) { return c.id == id && has_speed(c); });
    if (found != report->cells.end()) cells.push_back(&*found);
  }
  std::vector<double> changes;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    for (std::size_t k = i + 1; k < cells.size(); ++k) {
      const SpeedTest test = test_speed(*cells[i], *cells[k], {});
      if (test.usable) changes.push_back(std::expm1(std::abs(test.shift.estimate)));
    }
  }
  if (changes.empty()) return std::nullopt;
  std::sort(changes.begin(), changes.end());
  return changes[std::min(changes.size() - 1, changes.size() * 95 / 100)];
}

// One cell of either report, or both. Speeds are judged once all rows are known.
class Matcher {
 public:
  Matcher(const CompareOptions& options, std::vector<const Report*> calibration,
          std::map<unsigned, MachineShift> machine, unsigned cores)
      : options_(options),
        calibration_(std::move(calibration)),
        machine_(std::move(machine)),
        cores_(cores) {}

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
      row.gated = gated(base);
    } else if (fresh->status == Status::kWrong) {
      row.change = Change::kInvalid;
      row.reason = "wrong";
      row.detail = fresh->status_reason;
      row.gated = true;  // however few samples: the result itself is wrong
    } else if (non_finite(*fresh)) {
      row.change = Change::kInvalid;
      row.reason = "nonfinite";
      row.detail = "a result or the speed itself is not a finite number";
      row.gated = true;
    } else if (errs(*fresh) && !errs(base)) {
      row.change = Change::kInvalid;
      row.reason = "rel_err";
      row.detail = "its status is ok, its errors exceed the tolerance";
      row.gated = true;
    } else if (!has_speed(base) || !has_speed(*fresh)) {
      row.change = has_speed(base) ? Change::kMissing : Change::kUnclear;
      row.reason = "no_speed";
      row.detail = has_speed(base) ? fresh->tok_per_s_reason : base.tok_per_s_reason;
      row.gated = gated(base);
    } else {
      both_measured(base, *fresh, row);
    }
  }

  void both_measured(const Cell& base, const Cell& fresh, CompareRow& row) const {
    SpeedTestOptions how;
    how.paired = options_.paired;
    how.min_rounds = options_.min_rounds;
    if (const auto moved = machine_.find(base.threads); moved != machine_.end()) {
      how.machine = moved->second;
    }
    how.whole_machine = base.threads >= cores_;
    if (!calibration_.empty()) how.calibrated_floor = calibrated_floor(base.id, calibration_);
    row.test = test_speed(base, fresh, how);
    row.gated = gated(base);
  }

  bool gated(const Cell& base) const {
    if (options_.gate) return options_.gate(base);
    return base.exact && has_speed(base) && rounds(&base) >= options_.min_rounds;
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
  std::vector<const Report*> calibration_;    // with the base; empty where none was given
  std::map<unsigned, MachineShift> machine_;  // by threads; empty where pairs see it themselves
  unsigned cores_;                            // of base's machine
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

double least_p(const SpeedTest& test) {
  return test.paired && test.measure != "fastest"
             ? least_paired_p(test.shift.n_base)
             : least_two_sample_p(test.shift.n_base, test.shift.n_fresh);
}

// States of all speeds; p of the gated ones is adjusted over them together.
void judge(const CompareOptions& options, CompareResult& result) {
  std::vector<CompareRow*> gated;
  std::vector<double> p;
  for (CompareRow& row : result.rows) {
    if (!row.gated || !row.test) continue;
    gated.push_back(&row);
    p.push_back(row.test->shift.p);
  }
  const std::vector<double> q = adjusted(p, options.adjust);
  for (std::size_t i = 0; i < gated.size(); ++i) gated[i]->q = q[i];
  const double burden = options.adjust == Adjust::kNone
                            ? 1.0
                            : static_cast<double>(std::max<std::size_t>(1, p.size()));
  for (CompareRow& row : result.rows) {
    if (!row.test) continue;
    const SpeedTest& test = *row.test;
    const Judgement j =
        judge_speed(test, row.q.value_or(test.shift.p), options.threshold, options.alpha);
    row.change = j.change;
    row.reason = j.reason;
    row.rounds_needed = j.rounds_needed;
    if (test.usable) {
      row.change_ratio = j.change_ratio;
      row.ci_lo = j.ci_lo;
      row.ci_hi = j.ci_hi;
    }
    if (test.summary_differs) {
      result.warnings.push_back(fmt::format(
          "{}: a median does not follow from its samples; the median is believed", row.id));
    }
    if (!row.gated) {
      row.detail = "not in the gate";
      continue;
    }
    if (test.usable && burden * least_p(test) < options.alpha) continue;
    ++result.underpowered;
    if (row.change == Change::kUnclear) row.reason = "underpowered";
  }
  if (result.underpowered > 0) {
    result.rounds_needed = options.paired ? pairs_needed(p.size(), options.alpha, options.adjust)
                                          : rounds_needed(p.size(), options.alpha, options.adjust);
  }
}

void add_rows(const Report& base, const Report& fresh, const CompareOptions& options,
              CompareResult& result) {
  const Index before = index_of(base, "the base report", result.warnings);
  const Index after = index_of(fresh, "the new report", result.warnings);
  std::vector<const Report*> calibration;
  if (!options.calibration.empty()) {
    calibration = options.calibration;
    calibration.push_back(&base);
  }
  const Matcher matcher(
      options, std::move(calibration),
      options.paired ? std::map<unsigned, MachineShift>() : machine_shifts(base, fresh),
      base.machine.hard.cores_physical);
  for (const auto& [id, cell] : before) {
    const auto partner = after.find(id);
    result.rows.push_back(
        matcher.row(id, cell, partner == after.end() ? nullptr : partner->second));
  }
  for (const auto& [id, cell] : after) {
    if (before.find(id) == before.end()) result.rows.push_back(matcher.row(id, nullptr, cell));
  }
  judge(options, result);
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

// A loss that the samples show and a safeguard held back: no regression proven, no pass either.
bool suspect(const CompareRow& row, double threshold) {
  if (!row.gated || row.change != Change::kUnclear) return false;
  if (row.reason == "usual_slower") return true;
  return row.reason != "machine_moved" && row.reason != "underpowered" && row.change_ratio &&
         row.ci_hi && *row.change_ratio <= -threshold && *row.ci_hi < 0.0;
}

// A verdict that was clear and is blocked now.
std::string worse_verdict(const Report& base, const Report& fresh) {
  for (const Verdict& after : fresh.verdicts) {
    if (after.state != State::kBlocked) continue;
    for (const Verdict& before : base.verdicts) {
      if (before.name == after.name && before.state == State::kClear) {
        return fmt::format("{}: {} -> {}", after.name, before.code, after.code);
      }
    }
  }
  return {};
}

std::string unclear_hint(const CompareResult& r) {
  std::size_t most = 0;
  for (const CompareRow& row : r.rows) {
    if (row.gated) most = std::max(most, row.rounds_needed.value_or(0));
  }
  constexpr std::size_t kReachable = 50;
  if (most > 0 && most <= kReachable) {
    return fmt::format("{} {} would narrow the widest interval below the threshold",
                       r.paired ? "--pairs" : "--rounds", most);
  }
  return r.paired ? "a quieter machine is needed"
                  : "a quieter machine is needed, or compare --exec, which measures both together";
}

void conclude(const Report& base, const Report& fresh, const CompareOptions& options,
              CompareResult& r) {
  const auto set = [&](const char* verdict, int exit_code) {
    r.verdict = verdict;
    r.exit_code = exit_code;
  };
  const FailOn& fail = options.fail_on;
  const std::size_t unclear = r.count(Change::kUnclear);
  const bool suspected = std::any_of(r.rows.begin(), r.rows.end(), [&](const CompareRow& row) {
    return suspect(row, options.threshold);
  });
  const std::string worse = worse_verdict(base, fresh);
  if (!worse.empty()) r.warnings.push_back("a verdict that was clear is blocked: " + worse);
  if (fail.correctness && r.count(Change::kInvalid) > 0) {
    set("wrong", kWrongResult);
  } else if (!r.comparable()) {
    set("incomparable", kIncomparable);
  } else if (fail.regression && r.count(Change::kRegressed) > 0) {
    set("regressed", kGateFailed);
  } else if (fail.missing && r.count(Change::kMissing) > 0) {
    set("missing", kGateFailed);
  } else if (fail.verdict && !worse.empty()) {
    set("blocked", kGateFailed);
  } else if (incomplete(base, fresh, options)) {
    set("incomplete", kIncomplete);
  } else if (r.gated == 0) {
    set("nothing-gated", kTooWeak);
    r.hint =
        fmt::format("no exact cell of base is ok with at least {} rounds: run with --rounds {}",
                    options.min_rounds, options.min_rounds);
  } else if (r.underpowered > 0 && !options.allow_underpowered) {
    set("underpowered", kTooWeak);
    r.hint = fmt::format(
        "{} of {} gated cells cannot fire whatever they hold: need {} {} on both sides",
        r.underpowered, r.gated, r.paired ? "--pairs" : "--rounds", r.rounds_needed.value_or(0));
  } else if (suspected || 2 * unclear > r.gated || (unclear > 0 && fail.inconclusive)) {
    set("unclear", kTooWeak);
    r.hint = unclear_hint(r);
  } else {
    set("pass", kPass);
  }
}

}  // namespace

bool CompareResult::comparable() const {
  return std::all_of(hard.begin(), hard.end(), [](const Difference& d) { return d.allowed; });
}

CompareResult compare(const Report& base, const Report& fresh, const CompareOptions& options) {
  CompareResult result;
  result.base = side_of(base);
  result.fresh = side_of(fresh);
  result.threshold = options.threshold;
  result.alpha = options.alpha;
  result.adjust = options.adjust;
  result.min_rounds = options.min_rounds;
  result.paired = options.paired;
  result.allow = options.allow;
  std::vector<std::string> allow = options.allow;
  // Runs that took turns saw the same machine, whatever it did meanwhile.
  if (options.paired) allow.emplace_back("calibration");
  result.hard = hard_differences(base, fresh, allow);
  result.soft = soft_differences(base, fresh);
  if (!base.complete) result.warnings.emplace_back("the base report is incomplete");
  if (!fresh.complete) result.warnings.emplace_back("the new report is incomplete");
  add_rows(base, fresh, options, result);
  summarize(result);
  conclude(base, fresh, options, result);
  return result;
}

void confirm_regressions(CompareResult& first, const CompareResult& second,
                         const CompareOptions& options) {
  for (CompareRow& row : first.rows) {
    if (!row.gated || row.change != Change::kRegressed) continue;
    const auto again = std::find_if(second.rows.begin(), second.rows.end(),
                                    [&](const CompareRow& r) { return r.id == row.id; });
    if (again != second.rows.end() && again->change == Change::kRegressed) {
      row.reason = "confirmed";
      continue;
    }
    row.change = Change::kUnclear;
    row.reason = "not_confirmed";
    if (again != second.rows.end() && again->change_ratio) {
      row.detail = fmt::format("{:+.1f} % when measured again", 100.0 * *again->change_ratio);
    }
    --first.counts[static_cast<std::size_t>(Change::kRegressed)];
    ++first.counts[static_cast<std::size_t>(Change::kUnclear)];
  }
  if (first.verdict != "regressed" || first.count(Change::kRegressed) > 0) return;
  // What the first measurement called a regression only: the rest of its gate stands.
  const bool missing = options.fail_on.missing && first.count(Change::kMissing) > 0;
  const bool unclear =
      2 * first.count(Change::kUnclear) > first.gated || options.fail_on.inconclusive;
  first.verdict = missing ? "missing" : unclear ? "unclear" : "pass";
  first.exit_code = missing ? kGateFailed : unclear ? kTooWeak : kPass;
}

}  // namespace ryz::report
