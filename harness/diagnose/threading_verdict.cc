// What holds the threads back: which rule names which cause.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/diagnose/verdict_text.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using report::State;
using report::Verdict;
using verdict::ratio_evidence;
using verdict::ratio_text;
using verdict::set;

constexpr std::uint64_t kSeed = 42;  // of the bootstrap

// Threads that ran, which need not be those that were asked for.
std::size_t threads_that_ran(const report::Cell& cell) {
  return cell.effective.cpus.empty() ? cell.threads : cell.effective.cpus.size();
}

// The middle of what the samples say; empty where they say nothing.
template <class Get>
std::optional<double> median_of(const report::Cell& cell, Get get) {
  std::vector<double> values;
  for (const report::Sample& s : cell.samples) {
    if (const std::optional<double> value = get(s)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return report::median(values);
}

bool excludes_one(const MeasuredRatio& m) { return m.ratio.lo > 1.0; }

bool is_a_block(const MeasuredRatio& m) {
  return m.ratio.ratio >= kThreadingGainLimit && excludes_one(m);
}

class ThreadingJudge {
 public:
  explicit ThreadingJudge(const ThreadingEvidence& evidence)
      : e_(evidence), cell_(*evidence.subject) {
    v_.name = "threading";
    v_.rule = fmt::format(
        "blocked if the same kernel under the repaired schedule (static blocks, thread arenas, "
        "aligned outputs, one region a token, pinned) is at least {0:g} times as fast, paired by "
        "round, the interval excluding 1; the code is then the largest single cause whose own "
        "interval excludes 1, among those that what was observed allows: OVERSUBSCRIBED (before "
        "all others) where more threads ran than CPUs may be busy, UNPINNED where a thread was "
        "not pinned, IMBALANCE and SERIAL_PART where a traced run shows {1:g} % of it. Blocked "
        "too: OVERSUBSCRIBED if each of too many threads had a CPU for under {2:g} % of its time; "
        "the repaired schedule itself by a cause that costs it as much; FREQUENCY if one thread's "
        "clock is at least {0:g} times that of all, in {4} rounds or more, the interval "
        "excluding 1, and this is half of the lost efficiency or more. From {3:g} % of the read "
        "bandwidth on no repaired schedule is blocked by its dealing or its clock",
        kThreadingGainLimit, 100.0 * kTracedShareLimit, 100.0 * kCpuShareLimit,
        100.0 * kBandwidthBoundRatio, kFewestClockRounds);
  }

  Verdict operator()() {
    if (cell_.threads < 2) {
      set(v_, State::kUnknown, "UNKNOWN", "one thread cannot contend", "measure with more threads");
      return std::move(v_);
    }
    gather();
    if (!e_.is_repaired && !e_.repaired_over_subject) {
      set(v_, State::kUnknown, "UNKNOWN", "the repaired schedule was not measured beside it",
          "measure both in one run");
      return std::move(v_);
    }
    if (slower_than_repaired() || starved() || bandwidth_bound() || slowed_by_its_dealing() ||
        slowed_by_its_clock()) {
      return std::move(v_);
    }
    set(v_, State::kClear, "OK",
        e_.is_repaired
            ? std::string("the schedule is the repaired one")
            : "the repaired schedule is " + ratio_text(*e_.repaired_over_subject) + " as fast",
        "");
    return std::move(v_);
  }

 private:
  void fact(const std::string& text, std::optional<double> value, const char* unit) {
    if (value) v_.evidence.push_back({text, value, unit, {cell_.id}});
  }

  void gather() {
    fact("efficiency: speed-up over one thread / threads", e_.efficiency, "ratio");
    fact("share of the read bandwidth measured with as many threads", e_.roof_ratio, "ratio");
    if (e_.repaired_over_subject) {
      v_.evidence.push_back(
          ratio_evidence("repaired schedule over this one", *e_.repaired_over_subject));
    }
    for (const FaultEvidence& f : e_.faults) {
      std::string text = f.code + ": how many times as fast without " + f.what;
      if (!excludes_one(f.gain)) text += "; not shown here";
      v_.evidence.push_back(ratio_evidence(text, f.gain));
    }
    fact("threads that ran", static_cast<double>(threads_that_ran(cell_)), "threads");
    fact("CPUs that may be busy at once", e_.cpus, "CPUs");
    cpu_share_ = median_of(cell_, [](const report::Sample& s) { return s.cpu_ratio; });
    fact("share of the time a thread had a CPU", cpu_share_, "ratio");
    fact("share of the time that other virtual machines took",
         median_of(cell_,
                   [this](const report::Sample& s) -> std::optional<double> {
                     if (!s.steal_ns || s.time_ns == 0) return std::nullopt;
                     return static_cast<double>(*s.steal_ns) /
                            (static_cast<double>(s.time_ns) * cell_.threads);
                   }),
         "ratio");
    if (e_.clock) {
      std::string text = "one thread's clock over all threads', by a fixed work";
      if (e_.clock->ratio.n < kFewestClockRounds) text += "; too few rounds to judge by";
      v_.evidence.push_back(ratio_evidence(text, *e_.clock));
    }
    if (!cell_.attribution) return;
    const report::Attribution& a = *cell_.attribution;
    const auto mean = [&](double report::ThreadShare::*share) {
      double sum = 0.0;
      for (const report::ThreadShare& t : a.threads) sum += t.*share;
      return a.threads.empty() ? 0.0 : sum / static_cast<double>(a.threads.size());
    };
    fact("traced: share of the threads' time in work", mean(&report::ThreadShare::busy_ratio),
         "ratio");
    fact("traced: share taking chunks", mean(&report::ThreadShare::dispatch_ratio), "ratio");
    fact("traced: share at barriers", mean(&report::ThreadShare::wait_ratio), "ratio");
    fact("traced: the busiest thread's work over the mean, less 1", a.imbalance_ratio, "ratio");
    fact("traced: share of the time one thread works alone", a.serial_ratio, "ratio");
  }

  bool oversubscribed() const {
    return e_.cpus && static_cast<double>(threads_that_ran(cell_)) > *e_.cpus;
  }

  // Whether what was observed of the subject allows the cause.
  bool is_possible(const FaultEvidence& f) const {
    if (f.code == "OVERSUBSCRIBED") return oversubscribed();
    if (f.code == "UNPINNED") return !cell_.effective.pinned;
    if (!cell_.attribution) return true;
    if (f.code == "IMBALANCE") return cell_.attribution->imbalance_ratio >= kTracedShareLimit;
    if (f.code == "SERIAL_PART") return cell_.attribution->serial_ratio >= kTracedShareLimit;
    return true;
  }

  // The cause to name among those that cost something: too many threads make all others worse.
  const FaultEvidence* largest_cause() const {
    const FaultEvidence* cause = nullptr;
    for (const FaultEvidence& f : e_.faults) {
      if (!excludes_one(f.gain) || !is_possible(f)) continue;
      if (f.code == "OVERSUBSCRIBED") return &f;
      if (cause == nullptr || f.gain.ratio.ratio > cause->gain.ratio.ratio) cause = &f;
    }
    return cause;
  }

  bool slower_than_repaired() {
    if (e_.is_repaired || !is_a_block(*e_.repaired_over_subject)) return false;
    const MeasuredRatio& repaired = *e_.repaired_over_subject;
    v_.impact_ratio = repaired.ratio.ratio;
    if (const FaultEvidence* cause = largest_cause()) {
      set(v_, State::kBlocked, cause->code.c_str(),
          fmt::format("the repaired schedule is {} as fast; the largest single cause is {} ({})",
                      ratio_text(repaired), cause->what, ratio_text(cause->gain)),
          "repair this first: " + cause->what);
    } else if (!starved()) {
      set(v_, State::kBlocked, "UNATTRIBUTED",
          fmt::format("the repaired schedule is {} as fast; no single fault explains it",
                      ratio_text(repaired)),
          "use the repaired schedule");
    }
    return true;
  }

  bool starved() {
    if (!oversubscribed() || !cpu_share_ || *cpu_share_ >= kCpuShareLimit) return false;
    set(v_, State::kBlocked, "OVERSUBSCRIBED",
        fmt::format("{} threads ran where {:g} CPUs may be busy: each had one for {:.0f} % of its "
                    "time",
                    threads_that_ran(cell_), *e_.cpus, 100.0 * *cpu_share_),
        fmt::format("ask for {:.0f} threads at most, or raise the CPU quota",
                    std::max(1.0, std::floor(*e_.cpus))));
    return true;
  }

  bool bandwidth_bound() {
    if (!e_.roof_ratio || *e_.roof_ratio < kBandwidthBoundRatio) return false;
    set(v_, State::kClear, "BANDWIDTH_BOUND",
        fmt::format("not held back by its schedule; it reads at {:.0f} % of the measured bandwidth",
                    100.0 * *e_.roof_ratio),
        "fewer bytes a token would help, more threads would not");
    return true;
  }

  bool slowed_by_its_dealing() {
    if (!e_.is_repaired) return false;
    const FaultEvidence* cause = largest_cause();
    if (cause == nullptr || !is_a_block(cause->gain)) return false;
    v_.impact_ratio = cause->gain.ratio.ratio;
    set(v_, State::kBlocked, cause->code.c_str(),
        fmt::format("the repaired schedule is {} as fast without {}", ratio_text(cause->gain),
                    cause->what),
        "use the schedule of " + cause->gain.cells.front());
    return true;
  }

  bool slowed_by_its_clock() {
    if (!e_.clock || e_.clock->ratio.n < kFewestClockRounds || !is_a_block(*e_.clock)) return false;
    if (!e_.efficiency || oversubscribed()) return false;
    const double explained = *e_.efficiency * (e_.clock->ratio.ratio - 1.0);
    if (explained < 0.5 * (1.0 - *e_.efficiency)) return false;
    v_.impact_ratio = e_.clock->ratio.ratio;
    set(v_, State::kBlocked, "FREQUENCY",
        fmt::format("one thread's clock is {} that of {} threads; their efficiency is {:.0f} %",
                    ratio_text(*e_.clock), cell_.threads, 100.0 * *e_.efficiency),
        "look at governor, power limit and cooling, and at whether these CPUs share a core");
    return true;
  }

  const ThreadingEvidence& e_;
  const report::Cell& cell_;
  std::optional<double> cpu_share_;
  Verdict v_;
};

}  // namespace

std::optional<MeasuredRatio> clock_ratio(const report::Cell& one_thread,
                                         const report::Cell& subject) {
  // The fixed work as if it were a sample of its own. What else disturbed a sample may have
  // disturbed it too; a slow clock is what is looked for.
  const auto readings = [](const report::Cell& cell) {
    std::vector<report::Sample> samples;
    for (const report::Sample& s : cell.samples) {
      if (!s.reference_compute_ns) continue;
      report::Sample reading;
      reading.round = s.round;
      reading.order = s.order;
      reading.tokens = 1;
      reading.time_ns = *s.reference_compute_ns;
      reading.disturbed = s.disturbed;
      std::erase(reading.disturbed, "clock");
      samples.push_back(std::move(reading));
    }
    return samples;
  };
  const report::Ratio r = report::paired_ratio(readings(one_thread), readings(subject), kSeed);
  if (r.n == 0) return std::nullopt;
  return MeasuredRatio{r, {one_thread.id, subject.id}};
}

Verdict judge_threading(const ThreadingEvidence& evidence) { return ThreadingJudge(evidence)(); }

}  // namespace ryz
