// The rule for speeds on simulated runs whose truth is known: drift, disturbance, slower machines.
#include "reports/speed_shift.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reports/statistics.h"

namespace ryz::report {
namespace {

constexpr double kThreshold = 0.05;
constexpr double kAlpha = 0.05;

class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double normal() {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
  }

 private:
  double uniform() { return (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1p-53; }
  SplitMix random_;
};

// A run of one cell. Times are exponentials of sums: `speed` of the code, `machine(round)` of all
// that runs on it, noise of the cell and of the fixed work.
struct Recipe {
  double speed = 0.0;  // natural logarithm
  double noise = 0.01;
  double reference_noise = 0.005;
  std::size_t rounds = 10;
  double machine = 0.0;       // slower by so much throughout
  double wander = 0.0;        // and by so much, changing from round to round
  std::size_t disturbed = 0;  // the first so many rounds
};

Cell measured(const Recipe& run, Noise& noise) {
  Cell cell;
  for (unsigned round = 0; round < run.rounds; ++round) {
    const double machine = run.machine + run.wander * noise.normal();
    Sample s{round, 0, 100, 0};
    s.time_ns = static_cast<std::uint64_t>(
        1e9 * std::exp(machine - run.speed + run.noise * noise.normal()));
    const auto fixed = [&](double ns) {
      return static_cast<std::uint64_t>(ns *
                                        std::exp(machine + run.reference_noise * noise.normal()));
    };
    s.reference_compute_ns = fixed(2e6);
    s.reference_memory_ns = fixed(3e6);
    if (round < run.disturbed) s.disturbed = {"preempted"};
    cell.samples.push_back(std::move(s));
  }
  cell.tok_per_s = throughput(cell.samples, 42);
  return cell;
}

SpeedTestOptions in_pairs(bool paired = true) {
  SpeedTestOptions options;
  options.paired = paired;
  return options;
}

Judgement judged(const Cell& base, const Cell& fresh, bool paired = false) {
  const SpeedTest test = test_speed(base, fresh, in_pairs(paired));
  return judge_speed(test, std::min(1.0, 8.0 * test.shift.p), kThreshold, kAlpha);
}

struct Counts {
  int regressed = 0, improved = 0, same = 0, unclear = 0;
};
Counts simulate(const Recipe& base, const Recipe& fresh, std::uint64_t seed, int runs = 400,
                bool paired = false) {
  Noise noise(seed);
  Counts counts;
  for (int i = 0; i < runs; ++i) {
    const Cell a = measured(base, noise);
    const Cell b = measured(fresh, noise);
    switch (judged(a, b, paired).change) {
      case Change::kRegressed:
        ++counts.regressed;
        break;
      case Change::kImproved:
        ++counts.improved;
        break;
      case Change::kSame:
        ++counts.same;
        break;
      default:
        ++counts.unclear;
    }
  }
  return counts;
}

TEST(SpeedShift, EqualCodeIsTheSame) {
  const Counts c = simulate({}, {}, 1);
  EXPECT_EQ(c.regressed + c.improved, 0);
  EXPECT_GE(c.same, 396);
}

TEST(SpeedShift, TenPercentIsFound) {
  EXPECT_GE(simulate({}, {.speed = std::log(0.9)}, 2).regressed, 392);
  EXPECT_GE(simulate({}, {.speed = std::log(1.1)}, 3).improved, 392);
}

TEST(SpeedShift, EqualCodeOnASlowerMachineIsNotARegression) {
  // All of the new report ran on a machine 8 % slower: time alone would call it each time.
  const Counts c = simulate({}, {.machine = 0.08}, 4);
  EXPECT_EQ(c.regressed, 0);
}

TEST(SpeedShift, ARealLossOnAWanderingMachineIsFoundRelativeToIt) {
  const Recipe base{.noise = 0.005, .wander = 0.08};
  const Recipe fresh{.speed = std::log(0.9), .noise = 0.005, .wander = 0.08};
  Noise noise(5);
  const Cell a = measured(base, noise);
  const Cell b = measured(fresh, noise);
  const SpeedTest test = test_speed(a, b, {});
  EXPECT_NE(test.measure, "time");
  EXPECT_NEAR(test.shift.estimate, std::log(0.9), 0.02);
}

TEST(SpeedShift, NoisyEqualCodeIsUnclearAtWorst) {
  const Counts c = simulate({.noise = 0.06}, {.noise = 0.06}, 6);
  EXPECT_LE(c.regressed, 2);
  EXPECT_GT(c.unclear, 100);
}

TEST(SpeedShift, DisturbedRoundsLeaveWhereEnoughRemain) {
  Noise noise(7);
  const Cell base = measured({.rounds = 12}, noise);
  const Cell fresh = measured({.rounds = 12, .disturbed = 4}, noise);
  const SpeedTest test = test_speed(base, fresh, {});
  EXPECT_EQ(test.shift.n_fresh, 8u);
  EXPECT_EQ(test.disturbed_fresh, 0u);
}

TEST(SpeedShift, MostlyDisturbedRoundsProveNothing) {
  Noise noise(8);
  const Cell base = measured({}, noise);
  const Cell fresh = measured({.speed = std::log(0.7), .disturbed = 5}, noise);
  const Judgement j = judged(base, fresh);
  EXPECT_EQ(j.change, Change::kUnclear);
  EXPECT_EQ(j.reason, "disturbed");
}

TEST(SpeedShift, ADriftWithinTheRunIsAFloor) {
  // The second half of each run is 12 % slower: so may be another run.
  Noise noise(9);
  const auto drifting = [&](double speed) {
    Cell cell = measured({.speed = speed, .noise = 0.002}, noise);
    for (Sample& s : cell.samples) {
      s.reference_compute_ns.reset();
      s.reference_memory_ns.reset();
      if (s.round >= 5) s.time_ns = s.time_ns * 112 / 100;
    }
    cell.tok_per_s = throughput(cell.samples, 42);
    return cell;
  };
  const SpeedTest test = test_speed(drifting(0.0), drifting(std::log(0.93)), {});
  EXPECT_NEAR(test.floor, std::log(1.12), 0.01);
  EXPECT_EQ(judge_speed(test, 0.001, kThreshold, kAlpha).change, Change::kUnclear);
}

TEST(SpeedShift, PairsCancelWhatTheyShare) {
  Noise noise(10);
  Cell base = measured({.noise = 0.005, .rounds = 12}, noise);
  Cell fresh = measured({.speed = std::log(0.95), .noise = 0.005, .rounds = 12}, noise);
  for (std::size_t i = 0; i < base.samples.size(); ++i) {
    for (Cell* cell : {&base, &fresh}) {  // the pair's machine: up to a factor of 2
      Sample& s = cell->samples[i];
      s.time_ns += s.time_ns * i / 12;
      s.reference_compute_ns.reset();
      s.reference_memory_ns.reset();
    }
  }
  base.tok_per_s = throughput(base.samples, 42);
  fresh.tok_per_s = throughput(fresh.samples, 42);
  const SpeedTest test = test_speed(base, fresh, in_pairs());
  EXPECT_NEAR(test.shift.estimate, std::log(0.95), 0.01);
  EXPECT_EQ(judge_speed(test, test.shift.p, 0.03, kAlpha).change, Change::kRegressed);
  EXPECT_NE(judged(base, fresh).change, Change::kRegressed);  // not as pairs, it drowns
}

// Samples of which other programs slow each third, up to twofold.
Cell often_slowed(Recipe run, Noise& noise) {
  Cell cell = measured(run, noise);
  for (Sample& s : cell.samples) {
    const double slowed = noise.normal();
    if (slowed > 0.4) {
      s.time_ns = static_cast<std::uint64_t>(static_cast<double>(s.time_ns) *
                                             (1.0 + 0.4 * std::min(slowed, 2.5)));
    }
  }
  cell.tok_per_s = throughput(cell.samples, 42);
  return cell;
}

// The same as twelve pairs of runs.
Cell by_pairs(Cell cell) {
  for (Sample& s : cell.samples)
    s.round = s.round * 12 / static_cast<unsigned>(cell.samples.size());
  cell.tok_per_s = throughput(cell.samples, 42);
  return cell;
}

TEST(SpeedShift, TheFastestSamplesAreComparedWhereThereAreEnough) {
  Noise noise(11);
  int found = 0, found_apart = 0, false_alarms = 0;
  for (int i = 0; i < 200; ++i) {
    const Cell base = often_slowed({.rounds = 48}, noise);
    const Cell slower = often_slowed({.speed = std::log(0.9), .rounds = 48}, noise);
    const Cell equal = often_slowed({.rounds = 48}, noise);
    EXPECT_EQ(test_speed(base, slower, {}).measure, "fastest");
    found += judged(by_pairs(base), by_pairs(slower), true).change == Change::kRegressed ? 1 : 0;
    found_apart += judged(base, slower).change == Change::kRegressed ? 1 : 0;
    false_alarms += judged(base, equal).change == Change::kRegressed ? 1 : 0;
    false_alarms +=
        judged(by_pairs(base), by_pairs(equal), true).change == Change::kRegressed ? 1 : 0;
  }
  EXPECT_GE(found, 196);
  EXPECT_GE(found_apart, 180);
  EXPECT_EQ(false_alarms, 0);
}

TEST(SpeedShift, FewSamplesAreComparedByRounds) {
  Noise noise(14);
  const Cell cell = measured({.rounds = 23}, noise);
  EXPECT_NE(test_speed(cell, measured({.rounds = 24}, noise), {}).measure, "fastest");
}

TEST(SpeedShift, ALossThatSparesTheFastestIsNotTheSame) {
  // Two of three rounds wait for a lock, a third longer than the work takes.
  Noise noise(15);
  const Cell base = measured({.rounds = 48}, noise);
  Cell waits = measured({.rounds = 48}, noise);
  for (Sample& s : waits.samples) {
    if (s.round % 3 != 0) s.time_ns = s.time_ns * 4 / 3;
  }
  waits.tok_per_s = throughput(waits.samples, 42);
  for (const bool paired : {false, true}) {
    const Judgement j = judged(base, waits, paired);
    EXPECT_EQ(j.change, Change::kUnclear);
    EXPECT_EQ(j.reason, "usual_slower");
    EXPECT_EQ(judged(waits, base, paired).change, Change::kSame);  // the other way: no loss
  }
}

TEST(SpeedShift, ACellOnEveryCoreMustExceedWhatOthersTakeFromIt) {
  // The usual round runs 20 % below the fastest: another report may not reach those.
  Noise noise(16);
  const auto crowded = [&](double speed) {
    Cell cell = measured({.speed = speed, .rounds = 48}, noise);
    for (Sample& s : cell.samples) {
      if (s.round % 4 != 0) s.time_ns = s.time_ns * 125 / 100;
    }
    cell.tok_per_s = throughput(cell.samples, 42);
    return cell;
  };
  const Cell base = crowded(0.0);
  const Cell fresh = crowded(std::log(0.88));
  SpeedTestOptions options;
  SpeedTest test = test_speed(base, fresh, options);
  EXPECT_EQ(judge_speed(test, test.shift.p, kThreshold, kAlpha).change, Change::kRegressed);
  options.whole_machine = true;
  test = test_speed(base, fresh, options);
  EXPECT_EQ(test.floor_source, "spread");
  EXPECT_EQ(judge_speed(test, test.shift.p, kThreshold, kAlpha).reason, "below_floor");
}

TEST(SpeedShift, ExactlyTheThresholdIsAChange) {
  Noise noise(11);
  const Cell base = measured({.noise = 0.001}, noise);
  Cell fresh = base;
  for (Sample& s : fresh.samples) s.time_ns = s.time_ns * 100 / 95;
  fresh.tok_per_s = throughput(fresh.samples, 42);
  const SpeedTest pairs = test_speed(base, fresh, in_pairs());
  EXPECT_EQ(judge_speed(pairs, pairs.shift.p, 0.05, kAlpha).change, Change::kRegressed);
  // Reports taken apart: its interval reaches within the threshold.
  EXPECT_EQ(judged(base, fresh).change, Change::kUnclear);
  EXPECT_EQ(judged(base, fresh).reason, "wide_ci");
}

TEST(SpeedShift, WithoutSamplesNothingIsClaimed) {
  Cell bare;
  bare.tok_per_s = Throughput{100, 99, 101, 0.5, 10};
  const Judgement j = judged(bare, bare);
  EXPECT_EQ(j.change, Change::kUnclear);
  EXPECT_EQ(j.reason, "no_samples");
}

TEST(SpeedShift, TheSameMeasurementIsTheSame) {
  Noise noise(12);
  const Cell cell = measured({.noise = 0.5, .disturbed = 9}, noise);
  EXPECT_EQ(judged(cell, cell).reason, "identical");
}

TEST(SpeedShift, TheFastestSamplesPromiseNothingOfMoreRounds) {
  Noise noise(17);
  const Judgement j = judged(measured({.noise = 0.1, .rounds = 48}, noise),
                             measured({.noise = 0.1, .rounds = 48}, noise));
  EXPECT_EQ(j.change, Change::kUnclear);
  EXPECT_FALSE(j.rounds_needed);
}

TEST(SpeedShift, WideIntervalsSayWhatWouldNarrowThem) {
  Noise noise(13);
  const Judgement j = judged(measured({.noise = 0.1, .reference_noise = 0.1}, noise),
                             measured({.noise = 0.1, .reference_noise = 0.1}, noise));
  EXPECT_EQ(j.change, Change::kUnclear);
  EXPECT_GT(j.rounds_needed.value_or(0), 10u);
}

}  // namespace
}  // namespace ryz::report
