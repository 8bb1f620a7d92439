// From evidence to verdicts: pure functions of what was measured. This file includes no kernel, no
// plan and no fault; it cannot know what was asked of the run, only what came of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/report.h"
#include "reports/statistics.h"

namespace ryz {

// A ratio of speeds paired by round, and the cells it came from.
struct MeasuredRatio {
  report::Ratio ratio;
  std::vector<std::string> cells;
};

struct SimdEvidence {
  const report::Cell* subject = nullptr;
  // Subject / the scalar code of the same encoding, one thread.
  std::optional<MeasuredRatio> over_scalar = {};
  bool subject_is_baseline = false;  // it asks for no extension, so the ratio has no meaning
  // The fastest other exact kernel / the subject, same phase and threads.
  std::optional<double> other_over_subject = {};
  std::string other_cell = {};
};
report::Verdict judge_simd(const SimdEvidence& evidence);

report::Verdict judge_encoding(const report::Cell& cell);

// One scheduling fault taken out of (or put into) the subject's schedule, alone.
struct FaultEvidence {
  std::string code;    // "GRAIN_TOO_FINE", "LOCK_CONTENTION", "FALSE_SHARING", ...
  std::string what;    // "dynamic,1 instead of static blocks"
  MeasuredRatio gain;  // speed without the fault / with it
};
struct ThreadingEvidence {
  const report::Cell* subject = nullptr;
  bool is_repaired = false;  // the subject's schedule is the repaired one
  std::optional<MeasuredRatio> repaired_over_subject = {};
  std::vector<FaultEvidence> faults = {};  // why, where it is blocked
  std::optional<double> efficiency = {};   // speed-up over one thread / threads
  std::optional<double> roof_ratio = {};   // of the read bandwidth at so many threads
};
report::Verdict judge_threading(const ThreadingEvidence& evidence);

// The rules' limits, as the report states them.
inline constexpr double kSimdSpeedupLimit = 1.2;
inline constexpr double kSimdBelowCpuLimit = 1.5;
inline constexpr double kThreadingGainLimit = 1.05;
inline constexpr double kBandwidthBoundRatio = 0.70;

}  // namespace ryz
