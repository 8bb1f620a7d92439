#include "harness/diagnose/projection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/measure/scaling_laws.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

struct Roof {
  double gb_per_s = 0.0;
  const char* source = "none";
};

// How much longer each of so many threads multiplies than one alone.
double slowdown_for(unsigned threads, const std::vector<report::MultiplyRate>& measured) {
  double one = 0.0;
  double together = 0.0;
  for (const report::MultiplyRate& rate : measured) {
    if (rate.threads == 1) one = rate.gmac_per_s;
    if (rate.threads == threads) together = rate.gmac_per_s;
  }
  return one > 0.0 && together > 0.0 ? std::max(1.0, threads * one / together) : 1.0;
}

// Nanoseconds of the fixed work on so many threads: the least of each round.
std::map<unsigned, double> least_compute(const std::vector<report::Cell>& cells, unsigned threads) {
  std::map<unsigned, double> least;
  for (const report::Cell& cell : cells) {
    if (cell.threads != threads) continue;
    for (const report::Sample& s : cell.samples) {
      if (s.reference_compute_ns.value_or(0) == 0) continue;
      const auto ns = static_cast<double>(*s.reference_compute_ns);
      const auto [at, added] = least.try_emplace(s.round, ns);
      if (!added) at->second = std::min(at->second, ns);
    }
  }
  return least;
}

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

// All threads meet at one counter, so that a barrier's cost grows with their number.
SimulatedMachine machine_of(const ProjectionSource& source, unsigned threads, double gb_per_s,
                            double alone_gb_per_s, double work_slowdown) {
  return {threads,  source.costs.dispatch_ns, source.costs.barrier_ns * threads / 2.0,
          gb_per_s, alone_gb_per_s,           work_slowdown};
}

// The machine that the steps were traced on.
SimulatedMachine one_core(const ProjectionSource& source) {
  return machine_of(source, 1, 0.0, 0.0, 1.0);
}

}  // namespace

void project_curve(report::Curve& curve, const ProjectionSource& source,
                   const MeasuredRoofs& measured, std::optional<double> dram_gbps,
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
  const double alone = replay_ns(source.steps, one_core(source));
  if (!(alone > 0.0)) return;
  const double one_reads = roof_for(1, source, measured.read, std::nullopt).gb_per_s;
  const auto speedup = [&](unsigned threads) {
    const Roof roof = roof_for(threads, source, measured.read, dram_gbps);
    const double slowdown = slowdown_for(threads, measured.multiply);
    return alone /
           replay_ns(source.steps, machine_of(source, threads, roof.gb_per_s, one_reads, slowdown));
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
    const Roof roof = roof_for(p.threads, source, measured.read, dram_gbps);
    p.state = "projected";
    p.speedup = speedup(p.threads);
    p.efficiency = *p.speedup / p.threads;
    p.tok_per_s = base * *p.speedup;
    p.reason = "replay of one thread's chunks";
    if (source.restart_ns > 0.0) {
      p.reason += fmt::format(", {:.3g} ns more for one begun anew", source.restart_ns);
    }
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

BandwidthByRound bandwidth_by_round(const std::vector<report::Cell>& cells,
                                    const report::Cell& like, double window_bytes) {
  std::map<unsigned, std::vector<double>> readings;
  for (const report::Cell& cell : cells) {
    if (cell.threads != like.threads || cell.model != like.model ||
        cell.encoding != like.encoding || cell.axes != like.axes) {
      continue;
    }
    for (const report::Sample& s : cell.samples) {
      if (!s.reference_memory_ns || *s.reference_memory_ns == 0) continue;
      readings[s.round].push_back(cell.threads * window_bytes /
                                  static_cast<double>(*s.reference_memory_ns));
    }
  }
  BandwidthByRound bandwidth;
  for (const auto& [round, values] : readings) bandwidth[round] = report::median(values);
  return bandwidth;
}

SlowdownByRound slowdown_by_round(const std::vector<report::Cell>& cells, unsigned threads) {
  const auto alone = least_compute(cells, 1);
  SlowdownByRound slowdown;
  for (const auto& [round, ns] : least_compute(cells, threads)) {
    const auto one = alone.find(round);
    if (one != alone.end()) slowdown[round] = std::max(1.0, ns / one->second);
  }
  return slowdown;
}

std::optional<report::Prediction> predict(const report::Cell& one_thread, const report::Cell& many,
                                          const ProjectionSource& source, double passes,
                                          const BandwidthByRound& alone,
                                          const BandwidthByRound& together,
                                          const SlowdownByRound& slowdown) {
  constexpr std::uint64_t kSeed = 42;  // of the bootstrap
  constexpr double kNsPerMs = 1e6;
  const double traced = replay_ns(source.steps, one_core(source));
  if (source.steps.empty() || !(traced > 0.0)) return std::nullopt;
  const auto one_by_round = report::rate_by_round(one_thread.samples);
  std::vector<double> slowdowns;
  std::vector<double> predicted;
  std::vector<double> measured;
  std::vector<double> roofs;
  for (const auto& [round, rate] : report::rate_by_round(many.samples)) {
    const auto one = one_by_round.find(round);
    if (one == one_by_round.end()) continue;
    SimulatedMachine machine = machine_of(source, many.threads, 0.0, 0.0, 1.0);
    if (const auto slower = slowdown.find(round); slower != slowdown.end()) {
      machine.work_slowdown = slower->second;
      slowdowns.push_back(machine.work_slowdown);
    }
    if (source.from_memory) {
      const auto read = together.find(round);
      const auto read_alone = alone.find(round);
      if (read == together.end() || read_alone == alone.end()) continue;
      machine.gb_per_s = read->second;
      machine.alone_gb_per_s = read_alone->second;
      roofs.push_back(machine.gb_per_s);
    }
    const double longer = 1e9 * passes / one->second / traced;
    predicted.push_back(replay_ns(source.steps, machine, longer) / passes / kNsPerMs);
    measured.push_back(1e9 / rate / kNsPerMs);
  }
  const report::Ratio ratio = report::paired_ratio(predicted, measured, kSeed);
  if (ratio.n == 0) return std::nullopt;
  report::Prediction p;
  p.cell_id = many.id;
  p.one_thread_cell_id = one_thread.id;
  p.threads = many.threads;
  p.rounds = ratio.n;
  p.measured_ms = report::median(measured);
  p.predicted_ms = report::median(predicted);
  p.error_ratio = ratio.ratio - 1.0;
  p.error_lo = ratio.lo - 1.0;
  p.error_hi = ratio.hi - 1.0;
  p.limit_ratio = kPredictionLimit;
  if (!roofs.empty()) p.gb_per_s = report::median(roofs);
  if (!slowdowns.empty()) p.work_slowdown = report::median(slowdowns);
  return p;
}

}  // namespace ryz
