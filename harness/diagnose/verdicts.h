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

// What one kernel did alone on one thread, on matrices made for it: elements that were wrong.
struct KernelFacts {
  std::size_t unwritten = 0;     // of them, left as they were before the call
  std::size_t wrong_whole = 0;   // whole blocks of columns, one token
  std::size_t wrong_batch = 0;   // the same, three tokens
  std::size_t wrong_ragged = 0;  // a number of columns that no block size divides
  bool of_one_entry = false;     // all errors of wrong_whole are multiples of one, in some rows
  bool reads_table = false;      // built from the activations
};
struct EncodingEvidence {
  const report::Cell* subject = nullptr;
  std::size_t kernels_probed = 0;
  std::string kernel = {};                // the first that was wrong alone; empty: none was
  std::optional<KernelFacts> facts = {};  // of that one
};
report::Verdict judge_encoding(const EncodingEvidence& e);
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
  std::vector<FaultEvidence> faults = {};   // why, where it is blocked
  std::optional<double> efficiency = {};    // speed-up over one thread / threads
  std::optional<double> roof_ratio = {};    // of the read bandwidth at so many threads
  std::optional<double> cpus = {};          // that may be busy at once, by affinity and quota
  std::optional<MeasuredRatio> clock = {};  // one thread's over the subject's: clock_ratio()
};
// What is said of threads, times on a CPU and traced shares comes of the subject itself.
report::Verdict judge_threading(const ThreadingEvidence& evidence);

// How much faster one thread's clock ran than the subject's: by the fixed work before each sample,
// paired by round. Empty where no round has both.
std::optional<MeasuredRatio> clock_ratio(const report::Cell& one_thread,
                                         const report::Cell& subject);

// The rules' limits, as the report states them.
inline constexpr double kSimdSpeedupLimit = 1.2;
inline constexpr double kSimdBelowCpuLimit = 1.5;
inline constexpr double kThreadingGainLimit = 1.05;
inline constexpr double kBandwidthBoundRatio = 0.70;
inline constexpr double kTracedShareLimit = 0.05;  // of IMBALANCE and SERIAL_PART
inline constexpr double kCpuShareLimit = 0.90;     // below it too many threads starve each other
// FREQUENCY: of fewer rounds not even the extremes hold the median in 95 of 100 cases (2 of 2 on
// one side of it: every second time).
inline constexpr std::size_t kFewestClockRounds = 6;

}  // namespace ryz
