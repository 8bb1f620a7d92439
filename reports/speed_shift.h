// Whether one cell's speed moved between two reports: from samples to a shift with its interval,
// its p and its floor, and from those to a state. The only place that decides about speeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/machine_shift.h"
#include "reports/rank_tests.h"
#include "reports/report.h"

namespace ryz::report {

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

struct SpeedTestOptions {
  bool paired = false;         // round i of both sides was taken together
  std::size_t min_rounds = 8;  // so many undisturbed rounds are enough to leave out the others
  // A/A change of the cell between reports of the same code, as a ratio; replaces the split-half.
  std::optional<double> calibrated_floor;
  // How far the machine itself moved between the reports, where they were taken apart.
  std::optional<MachineShift> machine;
  // The cell keeps every core busy: what other programs take, they take from it.
  bool whole_machine = false;
};

// What the samples say, before other cells are looked at. Shifts are natural logarithms of
// fresh / base.
struct SpeedTest {
  Shift shift;
  // What was compared: "fastest" (fastest_shift.h), where each side has enough undisturbed samples;
  // else of each round "time" (tok/s as it was, the median of its samples) or tok/s relative to the
  // machine at that moment, by the fixed work beside each sample: "compute", "memory". Of these the
  // tightest within the reports.
  std::string measure = "time";
  // The other view (relative where `measure` is not, and the reverse), where there is one.
  std::optional<double> other_estimate;
  // Beside "fastest": the shift of the usual round, where it exceeds what equal code shows.
  std::optional<Shift> usual;
  double floor = 0.0;  // |shift| between equal code that these data show
  // "split_half", "calibrated", "machine", "spread" (between the fastest and the usual round of a
  // cell that keeps every core busy), "none"
  std::string floor_source = "split_half";
  std::size_t disturbed_base = 0, disturbed_fresh = 0;  // rounds, of those compared
  bool disturbed = false;                               // more than a quarter of a side's rounds
  bool summary_differs = false;  // a median that does not follow from its samples: it is believed
  bool identical = false;        // the very same samples on both sides: one measurement, not two
  bool usable = false;           // two rounds a side at least
  bool paired = false;           // as SpeedTestOptions
};
SpeedTest test_speed(const Cell& base, const Cell& fresh, const SpeedTestOptions& options);

struct Judgement {
  Change change = Change::kUnclear;
  std::string reason;
  double change_ratio = 0.0;  // fresh / base - 1: below zero is slower
  double ci_lo = 0.0, ci_hi = 0.0;
  // Where noise hides the answer: rounds a side (or pairs) with which the interval would be
  // narrower than the threshold, going by its width now.
  std::optional<std::size_t> rounds_needed;
};

// A change is one (REGRESSED, IMPROVED) when all hold: it reaches the threshold; its adjusted p
// `q` is below alpha; it exceeds the cell's own floor; its 95 % interval excludes zero and, between
// reports taken apart, lies beyond the threshold (what sets two processes apart on equal code, such
// as where their pages lie, no round of either shows); time and
// the machine-relative view agree; the rounds were not mostly disturbed. SAME needs the interval
// inside the threshold, and no loss of the usual round beyond it that the fastest do not show.
// Anything else is UNCLEAR, with the reason.
Judgement judge_speed(const SpeedTest& test, double q, double threshold, double alpha);

}  // namespace ryz::report
