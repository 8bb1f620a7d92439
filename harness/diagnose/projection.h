// Points of a scaling curve beyond this machine's cores: the measured one-thread run replayed on
// more cores under a bandwidth roof, with the simulation's own error where a measured point allows
// a check, and two fitted laws beside it. Pure.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "harness/measure/replay.h"
#include "reports/report.h"

namespace ryz {

// What was measured once a run for each thread count.
struct MeasuredRoofs {
  const std::vector<report::Bandwidth>& read;
  const std::vector<report::MultiplyRate>& multiply;
};

// Roofs: what was measured for as many threads; beyond that `dram_gbps` where given, else the most
// that was measured, and cores that do not slow each other's work. Only points that are not
// measured and beyond `physical_cores` are filled.
void project_curve(report::Curve& curve, const ProjectionSource& source,
                   const MeasuredRoofs& measured, std::optional<double> dram_gbps,
                   unsigned physical_cores);

// What the replay may be off by.
inline constexpr double kPredictionLimit = 0.07;

// 10^9 bytes a second that a thread count reads, by round.
using BandwidthByRound = std::map<unsigned, double>;

// What the threads of cells like this one (threads, model, encoding and axes; any kernel and
// schedule) read right before their samples, `window_bytes` a thread: the median of each round. One
// reading alone takes milliseconds, and what it meets may be over before the sample is.
BandwidthByRound bandwidth_by_round(const std::vector<report::Cell>& cells,
                                    const report::Cell& like, double window_bytes);

// How much longer the fixed work took on so many threads than on one, by round; at least 1. Of each
// thread count the least reading of a round, by whichever cell: interruptions only add, and threads
// that are not pinned may begin on one CPU.
using SlowdownByRound = std::map<unsigned, double>;
SlowdownByRound slowdown_by_round(const std::vector<report::Cell>& cells, unsigned threads);

// The replay against a cell that was measured with more threads, round by round: the one-thread
// time and the read bandwidths, of one thread `alone` and of as many as the cell has `together`,
// are those of the same round, since all drift; so is the slowdown of work, which tells whether
// CPUs share a core. `passes`: tokens a step list stands for (a prefill batch). Empty where no
// round has both cells.
std::optional<report::Prediction> predict(const report::Cell& one_thread, const report::Cell& many,
                                          const ProjectionSource& source, double passes,
                                          const BandwidthByRound& alone,
                                          const BandwidthByRound& together,
                                          const SlowdownByRound& slowdown);

}  // namespace ryz
