#include "harness/diagnose/scaling.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "reports/statistics.h"

namespace ryz {
namespace {

constexpr std::uint64_t kSeed = 42;

// All of a cell's id but its thread count.
std::string curve_key(const report::Cell& cell) {
  std::string key = cell.phase + "/" + cell.kernel + "/" + cell.encoding + "/" + cell.schedule;
  for (const auto& [axis, value] : cell.axes) key += "@" + axis + "=" + value;
  return key;
}

}  // namespace

std::vector<report::Curve> scaling_curves(std::vector<report::Cell>& cells, unsigned most_threads,
                                          unsigned physical_cores) {
  std::map<std::string, std::map<unsigned, report::Cell*>> by_curve;
  std::vector<std::string> order;
  for (report::Cell& cell : cells) {
    if (cell.status != report::Status::kOk || !cell.tok_per_s) continue;
    const std::string key = curve_key(cell);
    if (by_curve.find(key) == by_curve.end()) order.push_back(key);
    by_curve[key][cell.threads] = &cell;
  }
  std::vector<report::Curve> curves;
  for (const std::string& key : order) {
    const auto& points = by_curve[key];
    const report::Cell& any = *points.begin()->second;
    report::Curve curve{any.phase, any.kernel, any.encoding, any.schedule, any.model, {}};
    for (const auto& [axis, value] : any.axes) {
      if (axis != "model") curve.schedule += "@" + axis + "=" + value;
    }
    const auto one = points.find(1);
    for (unsigned threads = 1; threads <= most_threads; ++threads) {
      report::CurvePoint point;
      point.threads = threads;
      const auto it = points.find(threads);
      if (it == points.end()) {
        point.state = "not_measured";
        point.reason = threads > physical_cores
                           ? fmt::format("this machine has {} physical core{}", physical_cores,
                                         physical_cores == 1 ? "" : "s")
                           : "not asked for";
      } else {
        report::Cell& cell = *it->second;
        point.state = "measured";
        point.cell_id = cell.id;
        point.tok_per_s = cell.tok_per_s->median;
        if (one != points.end()) {
          const report::Ratio up = report::paired_ratio(cell.samples, one->second->samples, kSeed);
          if (up.n > 0) {
            cell.speedup = up.ratio;
            cell.efficiency = up.ratio / static_cast<double>(threads);
            point.speedup = cell.speedup;
            point.efficiency = cell.efficiency;
          }
        }
      }
      curve.points.push_back(std::move(point));
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

}  // namespace ryz
