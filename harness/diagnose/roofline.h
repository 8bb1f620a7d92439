// How near a cell is to the roofs that were measured, and which of them holds it back.
#pragma once

#include "reports/report.h"

namespace ryz {

// Fills the shares in the cell's roofline, if it has one, by the roofs and the model of the report
// that it belongs to. `window_bytes`: what each thread read for a sample's reference_memory_ns.
void fill_roofline(const report::Report& report, double window_bytes, report::Cell& cell);

}  // namespace ryz
