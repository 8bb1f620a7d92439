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

}  // namespace ryz
