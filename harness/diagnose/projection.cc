#include "harness/diagnose/projection.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/measure/scaling_laws.h"

namespace ryz {
namespace {

struct Roof {
  double gb_per_s = 0.0;
  const char* source = "none";
};

Roof roof_for(unsigned threads, const ProjectionSource& source,
              const std::vector<report::Bandwidth>& measured, std::optional<double> dram_gbps) {
  if (!source.from_memory) return {};
  double most = 0.0;
  for (const report::Bandwidth& b : measured) {
    if (b.threads == threads) return {b.gb_per_s, "measured"};
    most = std::max(most, b.gb_per_s);
  }
  if (dram_gbps) return {*dram_gbps, "given"};
  return {most, most > 0.0 ? "measured" : "none"};
}

}  // namespace

void project_curve(report::Curve& curve, const ProjectionSource& source,
                   const std::vector<report::Bandwidth>& measured, std::optional<double> dram_gbps,
                   unsigned physical_cores) {
  const report::CurvePoint* one = nullptr;
  std::vector<ScalingPoint> points;
  for (const report::CurvePoint& p : curve.points) {
    if (p.state != "measured" || !p.tok_per_s) continue;
    if (p.threads == 1) one = &p;
    if (p.threads > 1 && p.threads <= physical_cores && p.speedup) {
      points.push_back({static_cast<double>(p.threads), *p.speedup});
    }
  }
  if (one == nullptr || source.steps.empty()) return;
  const double alone = replay_ns(source.steps, {1, source.costs.dispatch_ns, 0.0, 0.0});
  if (!(alone > 0.0)) return;
  const auto speedup = [&](unsigned threads) {
    SimulatedMachine machine{threads, source.costs.dispatch_ns, 0.0,
                             roof_for(threads, source, measured, dram_gbps).gb_per_s};
    // All threads meet at one counter, so that a barrier's cost grows with their number.
    machine.barrier_ns = source.costs.barrier_ns * threads / 2.0;
    return alone / replay_ns(source.steps, machine);
  };
  const auto amdahl = fit_amdahl(points);
  const auto usl = fit_usl(points);
  const double base = *one->tok_per_s;
  report::Projection projection;
  projection.one_thread_tok_per_s = base;
  projection.dispatch_ns = source.costs.dispatch_ns;
  projection.barrier_ns = source.costs.barrier_ns;
  projection.roof_source = "none";
  projection.amdahl_serial_share = amdahl;
  if (usl) {
    projection.usl_contention = usl->contention;
    projection.usl_coherency = usl->coherency;
  }
  projection.error_reason = "no point above one thread was measured";
  for (const report::CurvePoint& p : curve.points) {
    if (p.state != "measured" || p.threads < 2 || p.threads > physical_cores || !p.speedup) {
      continue;
    }
    projection.checked_threads = p.threads;
    projection.error_ratio = speedup(p.threads) / *p.speedup - 1.0;
    projection.error_reason.clear();
  }
  bool any = false;
  for (report::CurvePoint& p : curve.points) {
    if (p.state != "not_measured" || p.threads <= physical_cores) continue;
    const Roof roof = roof_for(p.threads, source, measured, dram_gbps);
    p.state = "projected";
    p.speedup = speedup(p.threads);
    p.efficiency = *p.speedup / p.threads;
    p.tok_per_s = base * *p.speedup;
    p.reason = "replay of one thread's chunks";
    if (roof.gb_per_s > 0.0) {
      p.reason += fmt::format(", {:.3g} GB/s {}", roof.gb_per_s, roof.source);
      projection.gb_per_s = roof.gb_per_s;
      projection.roof_source = roof.source;
    }
    if (amdahl) p.amdahl_speedup = amdahl_speedup(*amdahl, p.threads);
    if (usl) p.usl_speedup = usl_speedup(*usl, p.threads);
    any = true;
  }
  if (any || projection.error_ratio) curve.projection = std::move(projection);
}

}  // namespace ryz
