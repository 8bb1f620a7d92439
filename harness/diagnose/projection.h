// Points of a scaling curve beyond this machine's cores: the measured one-thread run replayed on
// more cores under a bandwidth roof, with the simulation's own error where a measured point allows
// a check, and two fitted laws beside it. Pure.
#pragma once

#include <optional>
#include <vector>

#include "harness/measure/replay.h"
#include "reports/report.h"

namespace ryz {

// Roofs: what was measured for as many threads; beyond that `dram_gbps` where given, else the most
// that was measured. Only points that are not measured and beyond `physical_cores` are filled.
void project_curve(report::Curve& curve, const ProjectionSource& source,
                   const std::vector<report::Bandwidth>& measured, std::optional<double> dram_gbps,
                   unsigned physical_cores);

// What the replay may be off by.
inline constexpr double kPredictionLimit = 0.07;

// The replay against a cell that was measured with more threads, round by round: the one-thread
// time and the read bandwidth (of `window_bytes` a thread, right before the sample) of the same
// round, since both drift. `passes`: tokens a step list stands for (a prefill batch). Empty where
// no round has both cells.
std::optional<report::Prediction> predict(const report::Cell& one_thread, const report::Cell& many,
                                          const ProjectionSource& source, double passes,
                                          double window_bytes);

}  // namespace ryz
