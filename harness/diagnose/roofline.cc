#include "harness/diagnose/roofline.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "reports/statistics.h"

namespace ryz {
namespace {

using report::Cell;

// A share of a roof from which on it is what holds a cell back.
constexpr double kBoundRatio = 0.70;

const report::Model& model_of(const report::Report& report, const Cell& cell) {
  const auto model = std::find_if(report.models.begin(), report.models.end(),
                                  [&](const report::Model& m) { return m.source == cell.model; });
  return model == report.models.end() ? report.models.front() : *model;
}

// A machine shared with others gives its memory now to one and now to another: what a sample reads
// is held against bare reads of the same moment. Disturbed samples only where there are no others.
std::optional<double> share_of_reads_beside(const Cell& cell, double window_bytes) {
  std::vector<double> calm;
  std::vector<double> all;
  for (const report::Sample& s : cell.samples) {
    if (s.time_ns == 0 || s.reference_memory_ns.value_or(0) == 0) continue;
    const double read = static_cast<double>(s.tokens) *
                        static_cast<double>(cell.roofline->bytes_per_token) /
                        static_cast<double>(s.time_ns);
    const double beside = cell.threads * window_bytes / static_cast<double>(*s.reference_memory_ns);
    all.push_back(read / beside);
    if (s.disturbed.empty()) calm.push_back(read / beside);
  }
  if (all.empty()) return std::nullopt;
  return report::median(calm.empty() ? all : calm);
}

}  // namespace

void fill_roofline(const report::Report& report, double window_bytes, Cell& cell) {
  if (!cell.roofline || !cell.tok_per_s) return;
  report::Roofline& roof = *cell.roofline;
  const report::Model& model = model_of(report, cell);
  // What fits in the caches is not read from memory: its roof is another.
  if (cell.weights_bytes + model.head_bytes > report.machine.hard.llc_bytes) {
    for (const report::Bandwidth& b : report.read_bandwidth) {
      if (b.threads == cell.threads) roof.roof_ratio = roof.gb_per_s / b.gb_per_s;
    }
    roof.beside_ratio = share_of_reads_beside(cell, window_bytes);
  }
  roof.gmac_per_s = static_cast<double>(model.ternary_weights) * cell.tok_per_s->median * 1e-9;
  for (const report::MultiplyRate& r : report.multiply_rate) {
    if (r.threads == cell.threads) roof.gmac_ratio = *roof.gmac_per_s / r.gmac_per_s;
  }
  if (!roof.gmac_ratio) return;
  const double memory = roof.beside_ratio.value_or(roof.roof_ratio.value_or(0.0));
  roof.bound = std::max(memory, *roof.gmac_ratio) < kBoundRatio ? "overhead"
               : memory >= *roof.gmac_ratio                     ? "memory"
                                                                : "compute";
}

}  // namespace ryz
