#include "harness/measure/replay.h"

#include <algorithm>

namespace ryz {
namespace {

// A step in which all others together did less than this share of what one thread did was that
// thread's alone, whatever it could have been split into. Where there is a loop, its iterations
// could have been dealt out otherwise: that is imbalance.
constexpr double kIdleShare = 0.1;

}  // namespace

std::vector<ReplayStep> replay_steps(const WorkerTrace& one_thread, std::size_t first,
                                     double ns_per_tick, double weights_bytes, double head_bytes) {
  std::vector<ReplayStep> steps;
  double loops_ns = 0.0;
  const std::size_t last = one_thread.steps.size() - 1;  // the head's
  for (std::size_t i = first; i < one_thread.steps.size(); ++i) {
    const TracedStep& traced = one_thread.steps[i];
    ReplayStep step;
    step.own_ns = static_cast<double>(traced.own_ticks) * ns_per_tick;
    step.units = traced.units;
    step.spec = traced.spec;
    step.align = traced.align;
    step.loop.iteration_ns.assign(traced.n, 0.0);
    for (const TracedChunk& chunk : traced.chunks) {
      const double each = static_cast<double>(chunk.ticks) * ns_per_tick /
                          static_cast<double>(chunk.end - chunk.begin);
      std::fill(step.loop.iteration_ns.begin() + static_cast<std::ptrdiff_t>(chunk.begin),
                step.loop.iteration_ns.begin() + static_cast<std::ptrdiff_t>(chunk.end), each);
    }
    if (i != last) loops_ns += static_cast<double>(traced.loop_ticks) * ns_per_tick;
    steps.push_back(std::move(step));
  }
  if (steps.empty()) return steps;
  for (std::size_t i = 0; i + 1 < steps.size() && loops_ns > 0.0; ++i) {
    const TracedStep& traced = one_thread.steps[first + i];
    if (traced.n == 0) continue;
    const double share = static_cast<double>(traced.loop_ticks) * ns_per_tick / loops_ns;
    steps[i].loop.bytes_per_iteration = weights_bytes * share / static_cast<double>(traced.n);
  }
  LoopCosts& head = steps.back().loop;
  if (head.iteration_ns.empty()) {
    steps.back().own_bytes = head_bytes;
  } else {
    head.bytes_per_iteration = head_bytes / static_cast<double>(head.iteration_ns.size());
  }
  return steps;
}

double replay_ns(const std::vector<ReplayStep>& steps, const SimulatedMachine& machine,
                 double slower) {
  double total = 0.0;
  LoopCosts scaled;
  for (const ReplayStep& step : steps) {
    if (!step.loop.iteration_ns.empty()) {
      scaled = step.loop;
      for (double& ns : scaled.iteration_ns) ns *= slower;
      scaled.restart_ns *= slower;
      total += simulate_loop(scaled, step.spec, machine, step.align).makespan_ns;
    }
    total += simulate_step_ns(step.own_ns * slower, step.units, machine, step.own_bytes);
  }
  return total;
}

report::Attribution attribution(const TeamTrace& trace, double tokens, double ns_per_tick,
                                double clock_read_ns) {
  report::Attribution out;
  const std::size_t workers = trace.workers.size();
  double longest = 0.0;
  double reads = 0.0;
  std::size_t steps = 0;
  for (const WorkerTrace& w : trace.workers) {
    const auto total = static_cast<double>(w.busy + w.dispatch + w.wait);
    longest = std::max(longest, total);
    reads = std::max(reads, static_cast<double>(w.clock_reads));
    out.chunks_per_token += static_cast<double>(w.chunks) / tokens;
    const auto share = [&](std::uint64_t ticks) {
      return total > 0.0 ? static_cast<double>(ticks) / total : 0.0;
    };
    out.threads.push_back({share(w.busy), share(w.dispatch), share(w.wait)});
    steps = std::max(steps, w.steps.size());
  }
  if (workers == 0 || longest == 0.0) return out;
  out.barriers_per_token = static_cast<double>(trace.workers[0].barriers) / tokens;
  double serial = 0.0;
  double busiest = 0.0;
  double mean = 0.0;
  for (std::size_t k = 0; k < steps; ++k) {
    double most = 0.0;
    double sum = 0.0;
    bool divisible = false;
    for (const WorkerTrace& w : trace.workers) {
      if (k >= w.steps.size()) continue;
      const auto work = static_cast<double>(w.steps[k].own_ticks + w.steps[k].loop_ticks);
      most = std::max(most, work);
      sum += work;
      divisible |= w.steps[k].n > 1;
    }
    if (workers > 1 && !divisible && sum - most <= kIdleShare * most) {
      serial += most;
    } else {
      busiest += most;
      mean += sum / static_cast<double>(workers);
    }
  }
  out.serial_ratio = serial / longest;
  out.imbalance_ratio = mean > 0.0 ? busiest / mean - 1.0 : 0.0;
  out.clock_read_ns = clock_read_ns;
  out.overhead_ratio = reads * clock_read_ns / (longest * ns_per_tick);
  return out;
}

TeamCosts measure_team_costs(Team& team, const ClockNs& now) {
  constexpr std::size_t kChunks = 20000;
  constexpr int kBarriers = 2000;
  constexpr int kReads = 20000;
  TeamCosts costs;
  std::uint64_t at[4] = {};
  std::uint64_t reads = 0;
  team.run([&](Worker& worker) {
    const bool first = worker.index() == 0;
    for (int i = 0; i < 100; ++i) worker.barrier();  // everybody awake
    if (first) at[0] = now();
    worker.loop(kChunks, {LoopKind::kDynamic, 1}, [](std::size_t, std::size_t) {});
    if (first) at[1] = now();
    for (int i = 0; i < kBarriers; ++i) worker.barrier();
    if (first) {
      at[2] = now();
      for (int i = 0; i < kReads; ++i) reads += trace_ticks() & 1U;
      at[3] = now();
    }
  });
  // Each of the team takes its share of the chunks, all at the same time.
  costs.dispatch_ns = static_cast<double>(at[1] - at[0]) * team.size() / kChunks;
  costs.barrier_ns = static_cast<double>(at[2] - at[1]) / kBarriers;
  costs.clock_read_ns = static_cast<double>(at[3] - at[2]) / kReads;
  if (reads > kReads)
    costs.clock_read_ns = 0.0;  // cannot be: keeps the readings from being removed
  return costs;
}

}  // namespace ryz
