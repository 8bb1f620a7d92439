#include "reports/speed_shift.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "reports/fastest_shift.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

// One round of a cell, as logarithms.
struct Round {
  double time = 0.0;
  std::optional<double> compute, memory;  // speed relative to the fixed works
  bool disturbed = false;
};
using Rounds = std::map<unsigned, Round>;
using Measure = std::function<std::optional<double>(const Round&)>;

std::optional<double> relative(double rate, const std::optional<std::uint64_t>& reference_ns) {
  if (!reference_ns || *reference_ns == 0) return std::nullopt;
  return std::log(rate) + std::log(1e-9 * static_cast<double>(*reference_ns));
}

void put_median(std::vector<double>& values, std::size_t samples, std::optional<double>& into) {
  if (!values.empty() && values.size() == samples) into = median(values);
}

// As rate_by_round: disturbed samples count only where a round has no other.
Rounds rounds_of(const Cell& cell) {
  std::map<unsigned, std::vector<const Sample*>> by_round;
  for (const Sample& s : cell.samples) {
    if (s.time_ns > 0 && s.tokens > 0) by_round[s.round].push_back(&s);
  }
  Rounds rounds;
  for (auto& [number, samples] : by_round) {
    const bool calm = std::any_of(samples.begin(), samples.end(),
                                  [](const Sample* s) { return s->disturbed.empty(); });
    if (calm) std::erase_if(samples, [](const Sample* s) { return !s->disturbed.empty(); });
    std::vector<double> time;
    std::vector<double> compute;
    std::vector<double> memory;
    for (const Sample* s : samples) {
      const double rate = rate_of(*s);
      time.push_back(std::log(rate));
      if (const auto v = relative(rate, s->reference_compute_ns)) compute.push_back(*v);
      if (const auto v = relative(rate, s->reference_memory_ns)) memory.push_back(*v);
    }
    Round& round = rounds[number];
    round.time = median(time);
    put_median(compute, samples.size(), round.compute);
    put_median(memory, samples.size(), round.memory);
    round.disturbed = !calm;
  }
  return rounds;
}

// What the report's own median adds to what its samples say; zero up to rounding.
double stated_offset(const Cell& cell, const Rounds& rounds) {
  if (!cell.tok_per_s || rounds.empty()) return 0.0;
  std::vector<double> rates;
  for (const auto& [number, rate] : rate_by_round(cell.samples)) rates.push_back(rate);
  const double offset = std::log(cell.tok_per_s->median / median(rates));
  constexpr double kRounding = 1e-6;
  return std::isfinite(offset) && std::abs(offset) > kRounding ? offset : 0.0;
}

void add_offset(Rounds& rounds, double offset) {
  for (auto& [number, round] : rounds) {
    round.time += offset;
    if (round.compute) *round.compute += offset;
    if (round.memory) *round.memory += offset;
  }
}

// Disturbed rounds leave where enough others remain. Decided by what disturbed them, never by
// their speed.
void leave_out_disturbed(Rounds& rounds, std::size_t enough) {
  const auto calm = std::count_if(rounds.begin(), rounds.end(),
                                  [](const auto& entry) { return !entry.second.disturbed; });
  if (static_cast<std::size_t>(calm) < enough) return;
  std::erase_if(rounds, [](const auto& entry) { return entry.second.disturbed; });
}

void keep_common(Rounds& a, Rounds& b) {
  std::erase_if(a, [&](const auto& entry) { return b.find(entry.first) == b.end(); });
  std::erase_if(b, [&](const auto& entry) { return a.find(entry.first) == a.end(); });
}

// Pairs leave together.
void leave_out_disturbed_pairs(Rounds& a, Rounds& b, std::size_t enough) {
  std::size_t calm = 0;
  for (const auto& [number, round] : a) {
    calm += !round.disturbed && !b.at(number).disturbed ? 1 : 0;
  }
  if (calm < enough) return;
  std::erase_if(a, [&](const auto& e) { return e.second.disturbed || b.at(e.first).disturbed; });
  keep_common(a, b);
}

std::optional<std::vector<double>> values(const Rounds& rounds, const Measure& measure) {
  std::vector<double> result;
  for (const auto& [number, round] : rounds) {
    const std::optional<double> v = measure(round);
    if (!v || !std::isfinite(*v)) return std::nullopt;
    result.push_back(*v);
  }
  return result;
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> d(a.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = b[i] - a[i];
  return d;
}

double half_difference(const std::vector<double>& v) {
  constexpr std::size_t kFewest = 4;
  if (v.size() < kFewest) return 0.0;
  const std::size_t half = v.size() / 2;
  return std::abs(median(std::span(v).first(half)) - median(std::span(v).last(half)));
}

// How far the usual value lies below the fastest.
double below_fastest(const std::vector<double>& v) {
  return *std::max_element(v.begin(), v.end()) - median(v);
}

// One measure over both sides.
struct View {
  const char* name = "";
  Shift shift;
  double spread = 0.0;  // within the sides (or of the pairs), whatever lies between them
  double floor = 0.0;
  double below_fastest = 0.0;  // of the usual round, on the side where it is more
};

std::optional<View> view(const char* name, const Rounds& base, const Rounds& fresh,
                         const Measure& measure, bool paired) {
  const auto a = values(base, measure);
  const auto b = values(fresh, measure);
  if (!a || !b) return std::nullopt;
  View v;
  v.name = name;
  if (paired) {
    const std::vector<double> d = differences(*a, *b);
    v.shift = paired_shift(d);
    v.spread = mad(d);
    // Halves of the pairs, each of half the weight in the estimate.
    v.floor = 0.5 * half_difference(d);
  } else {
    v.shift = two_sample_shift(*a, *b);
    v.spread = std::hypot(mad(*a), mad(*b));
    v.floor = std::max(half_difference(*a), half_difference(*b));
  }
  v.below_fastest = std::max(below_fastest(*a), below_fastest(*b));
  return v;
}

std::size_t disturbed_in(const Rounds& rounds) {
  return static_cast<std::size_t>(std::count_if(
      rounds.begin(), rounds.end(), [](const auto& entry) { return entry.second.disturbed; }));
}

void set_floor(SpeedTest& test, double floor, const char* source) {
  if (floor <= test.floor) return;
  test.floor = floor;
  test.floor_source = source;
}

// What equal code may show, apart from the view's own floor.
void raise_floor(SpeedTest& test, double split_half, const std::optional<double>& machine,
                 const std::optional<double>& spread, const SpeedTestOptions& options) {
  test.floor = 0.0;
  test.floor_source = "none";
  if (options.calibrated_floor) {
    set_floor(test, std::log1p(*options.calibrated_floor), "calibrated");
  } else {
    set_floor(test, split_half, "split_half");
  }
  if (options.paired) return;  // both sides saw the same machine
  if (machine) set_floor(test, *machine, "machine");
  if (options.whole_machine && spread) set_floor(test, *spread, "spread");
}

// The samples of one side that nothing disturbed, in the order taken, as logarithms of speeds; of
// the fixed works too, empty where they were not measured beside each.
struct Calm {
  std::vector<double> speed, compute, memory;
};

Calm calm_samples(const Cell& cell, double offset) {
  std::vector<const Sample*> samples;
  for (const Sample& s : cell.samples) {
    if (s.time_ns > 0 && s.tokens > 0 && s.disturbed.empty()) samples.push_back(&s);
  }
  std::stable_sort(samples.begin(), samples.end(),
                   [](const Sample* a, const Sample* b) { return a->round < b->round; });
  Calm calm;
  for (const Sample* s : samples) {
    calm.speed.push_back(std::log(rate_of(*s)) + offset);
    if (s->reference_compute_ns.value_or(0) == 0 || s->reference_memory_ns.value_or(0) == 0) {
      continue;
    }
    calm.compute.push_back(-std::log(static_cast<double>(*s->reference_compute_ns)));
    calm.memory.push_back(-std::log(static_cast<double>(*s->reference_memory_ns)));
  }
  if (calm.compute.size() < calm.speed.size()) calm.compute.clear();
  return calm;
}

// Turns `test`, which compares rounds, to the fastest samples where there are enough.
void compare_fastest(const Calm& base, const Calm& fresh, const Cell& cell,
                     const SpeedTestOptions& options, SpeedTest& test) {
  if (std::min(base.speed.size(), fresh.speed.size()) < kFewestForFastest) return;
  const Shift shift = fastest_shift(base.speed, fresh.speed);
  if (!std::isfinite(shift.estimate)) return;
  if (std::abs(test.shift.estimate) > test.floor) test.usual = test.shift;
  test.shift = shift;
  test.measure = "fastest";
  test.other_estimate.reset();
  test.disturbed_base = test.disturbed_fresh = 0;
  test.disturbed = false;
  std::optional<double> machine;
  if (!base.compute.empty() && !fresh.compute.empty()) {
    machine = allowance_of({fastest_shift(base.compute, fresh.compute).estimate,
                            fastest_shift(base.memory, fresh.memory).estimate},
                           cell);
  }
  raise_floor(test, 0.0, machine, std::max(below_fastest(base.speed), below_fastest(fresh.speed)),
              options);
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

SpeedTest test_speed(const Cell& base_cell, const Cell& fresh_cell,
                     const SpeedTestOptions& options) {
  SpeedTest test;
  Rounds base = rounds_of(base_cell);
  Rounds fresh = rounds_of(fresh_cell);
  const double base_offset = stated_offset(base_cell, base);
  const double fresh_offset = stated_offset(fresh_cell, fresh);
  test.summary_differs = base_offset != 0.0 || fresh_offset != 0.0;
  add_offset(base, base_offset);
  add_offset(fresh, fresh_offset);
  if (options.paired) {
    keep_common(base, fresh);
    leave_out_disturbed_pairs(base, fresh, options.min_rounds);
  } else {
    leave_out_disturbed(base, options.min_rounds);
    leave_out_disturbed(fresh, options.min_rounds);
  }
  if (base.size() < 2 || fresh.size() < 2) return test;
  test.usable = true;
  test.paired = options.paired;
  test.identical = base_cell.samples == fresh_cell.samples && !test.summary_differs;
  test.disturbed_base = disturbed_in(base);
  test.disturbed_fresh = disturbed_in(fresh);
  test.disturbed = 4 * test.disturbed_base > base.size() || 4 * test.disturbed_fresh > fresh.size();

  const View time = *view(
      "time", base, fresh, [](const Round& r) { return std::optional(r.time); }, options.paired);
  std::optional<View> machine;
  for (auto& candidate :
       {view(
            "compute", base, fresh, [](const Round& r) { return r.compute; }, options.paired),
        view(
            "memory", base, fresh, [](const Round& r) { return r.memory; }, options.paired)}) {
    if (candidate && (!machine || candidate->spread < machine->spread)) machine = candidate;
  }
  const bool use_machine = machine && machine->spread < time.spread;
  const View& chosen = use_machine ? *machine : time;
  test.shift = chosen.shift;
  test.measure = chosen.name;
  if (machine) test.other_estimate = use_machine ? time.shift.estimate : machine->shift.estimate;
  raise_floor(
      test, chosen.floor,
      options.machine ? std::optional(allowance_of(*options.machine, base_cell)) : std::nullopt,
      time.below_fastest, options);
  compare_fastest(calm_samples(base_cell, base_offset), calm_samples(fresh_cell, fresh_offset),
                  base_cell, options, test);
  return test;
}

Judgement judge_speed(const SpeedTest& test, double q, double threshold, double alpha) {
  Judgement j;
  if (!test.usable) {
    j.reason = "no_samples";
    return j;
  }
  if (test.identical) {
    j.change = Change::kSame;
    j.reason = "identical";
    return j;
  }
  const double estimate = test.shift.estimate;
  j.change_ratio = std::expm1(estimate);
  j.ci_lo = std::expm1(test.shift.lo);
  j.ci_hi = std::expm1(test.shift.hi);
  // As written, a loss of exactly 5 % is one: the quotient of whole nanoseconds may miss it.
  constexpr double kRounding = 1e-6;
  const auto unclear = [&](const char* reason) {
    j.reason = test.disturbed ? "disturbed" : reason;
    const double width = std::max(j.ci_hi - j.change_ratio, j.change_ratio - j.ci_lo);
    const auto n = static_cast<double>(std::min(test.shift.n_base, test.shift.n_fresh));
    // That of the fastest is a range: no number of samples is known to narrow it.
    if (width > threshold && test.measure != "fastest") {
      j.rounds_needed = static_cast<std::size_t>(
          std::min(1e6, std::ceil(n * (width / threshold) * (width / threshold))));
    }
    return j;
  };
  if (test.usual && std::expm1(test.usual->hi) <= -threshold &&
      j.change_ratio > -threshold + kRounding) {
    return unclear("usual_slower");
  }
  if (std::abs(j.change_ratio) < threshold - kRounding) {
    if (j.ci_lo <= -threshold || j.ci_hi >= threshold) return unclear("wide_ci");
    j.change = Change::kSame;
    j.reason = "ci_within";
    return j;
  }
  if (q >= alpha) return unclear("not_significant");
  if (test.shift.lo <= 0.0 && 0.0 <= test.shift.hi) return unclear("wide_ci");
  if (std::abs(estimate) <= test.floor) return unclear("below_floor");
  const double nearest = estimate < 0.0 ? j.ci_hi : j.ci_lo;
  if (!test.paired && std::abs(nearest) < threshold - kRounding) return unclear("wide_ci");
  // The machine itself moved where only one of the two views sees a change.
  if (test.other_estimate &&
      *test.other_estimate / estimate < 0.5 * threshold / std::abs(j.change_ratio)) {
    return unclear("machine_moved");
  }
  if (test.disturbed) return unclear("disturbed");
  j.change = estimate < 0.0 ? Change::kRegressed : Change::kImproved;
  j.reason = "clear";
  return j;
}

}  // namespace ryz::report
