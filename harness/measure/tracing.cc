#include "harness/measure/tracing.h"

#include <algorithm>
#include <vector>

#include "reports/statistics.h"

namespace ryz {
namespace {

constexpr std::size_t kDecodeTokens = 4;
constexpr double kSlowTokenNs = 2e8;  // one such token is trace enough, and its own warm-up

struct TracedRun {
  TeamTrace trace;
  double ns_per_tick = 0.0;
  double ns = 0.0;
  std::size_t tokens = 0;
};

// Runs a cell traced, again and again.
class Tracer {
 public:
  Tracer(Session& session, const CellSpec& spec)
      : session_(session),
        spec_(spec),
        team_(session.team(spec)),
        logits_(session.weights().config.vocab) {
    session.prepare(spec);
  }

  TracedRun operator()(std::size_t tokens) {
    TracedRun run;
    run.tokens = tokens;
    team_.trace(&run.trace);
    const std::uint64_t ns = now_();
    const std::uint64_t ticks = trace_ticks();
    try {
      if (spec_.phase == Phase::kDecode) {
        session_.decode(spec_, tokens, logits_.data());
      } else {
        session_.prefill(spec_, tokens, logits_.data());
      }
    } catch (...) {
      team_.trace(nullptr);
      throw;
    }
    const std::uint64_t ticks_taken = trace_ticks() - ticks;
    run.ns = static_cast<double>(now_() - ns);
    team_.trace(nullptr);
    run.ns_per_tick = run.ns / static_cast<double>(ticks_taken);
    return run;
  }

 private:
  Session& session_;
  const CellSpec& spec_;
  Team& team_;
  std::vector<float> logits_;
  ClockNs now_ = steady_clock_ns();
};

TracedRun traced_run(Session& session, const CellSpec& spec, std::size_t prefill_tokens) {
  Tracer traced(session, spec);
  const bool decode = spec.phase == Phase::kDecode;
  TracedRun first = traced(decode ? 1 : prefill_tokens);
  if (decode && first.ns >= kSlowTokenNs) return first;
  return traced(decode ? kDecodeTokens : prefill_tokens);  // the first one warmed up
}

// Time in loops of a spec and their chunks, all threads together.
struct TracedLoops {
  double ns = 0.0;
  double chunks = 0.0;
};
TracedLoops loops_of(const TracedRun& run, LoopSpec spec) {
  TracedLoops loops;
  for (const WorkerTrace& worker : run.trace.workers) {
    for (const TracedStep& s : worker.steps) {
      if (s.n == 0 || !(s.spec == spec)) continue;
      loops.ns += static_cast<double>(s.loop_ticks) * run.ns_per_tick;
      loops.chunks += static_cast<double>(s.chunks.size());
    }
  }
  return loops;
}

}  // namespace

report::Attribution trace_attribution(Session& session, const CellSpec& spec,
                                      std::size_t prefill_tokens) {
  const TracedRun run = traced_run(session, spec, prefill_tokens);
  const TeamCosts costs = measure_team_costs(session.team(spec), steady_clock_ns());
  return attribution(run.trace, static_cast<double>(run.tokens), run.ns_per_tick,
                     costs.clock_read_ns);
}

double trace_restart_ns(Session& session, const CellSpec& spec, std::size_t prefill_tokens) {
  constexpr int kMostPairs = 24;
  constexpr double kLongEnoughNs = 5e9;
  constexpr LoopSpec kInOrder{LoopKind::kStatic, 0};
  constexpr LoopSpec kInTurns{LoopKind::kStatic, 2};
  constexpr unsigned kThreads[] = {1, 2};
  constexpr LoopSpec kOrders[] = {kInOrder, kInTurns};
  if (session.options().max_threads < 2) return 0.0;
  std::vector<CellSpec> specs;  // stays as it is: tracers refer to it
  for (const unsigned threads : kThreads) {
    for (const LoopSpec order : kOrders) {
      specs.push_back(spec);
      specs.back().threads = threads;
      specs.back().schedule.loop = order;
    }
  }
  const std::size_t tokens = spec.phase == Phase::kDecode ? 1 : prefill_tokens;
  std::vector<Tracer> tracers;
  for (const CellSpec& s : specs) {
    tracers.emplace_back(session, s);
    tracers.back()(tokens);  // warms up
  }
  std::vector<double> extra;
  double spent = 0.0;
  for (int pair = 0; pair < kMostPairs && spent < kLongEnoughNs; ++pair) {
    double each[2] = {};  // what a chunk costs more, by threads
    for (std::size_t t = 0; t < 2; ++t) {
      const TracedRun in_order = tracers[2 * t](tokens);
      const TracedRun in_turns = tracers[2 * t + 1](tokens);
      spent += in_order.ns + in_turns.ns;
      const auto [in_turns_ns, chunks] = loops_of(in_turns, kInTurns);
      if (chunks == 0.0) return 0.0;
      each[t] = (in_turns_ns - loops_of(in_order, kInOrder).ns) / chunks;
    }
    extra.push_back(each[1] - each[0]);
  }
  return std::max(0.0, report::median(extra));
}

ProjectionSource trace_projection(Session& session, const CellSpec& spec,
                                  std::size_t prefill_tokens, double weights_bytes,
                                  bool from_memory, double restart_ns) {
  constexpr int kRuns = 3;
  ProjectionSource source;
  source.from_memory = from_memory;
  source.restart_ns = restart_ns;
  double fastest = 0.0;
  for (int i = 0; i < kRuns; ++i) {
    const TracedRun run = traced_run(session, spec, prefill_tokens);
    if (i > 0 && run.ns >= fastest) continue;
    fastest = run.ns;
    const WorkerTrace& one = run.trace.workers.at(0);
    // The last token's steps: its first ones may have found other things in the caches.
    const std::size_t passes = spec.phase == Phase::kDecode ? run.tokens : 1;
    const std::size_t first = one.steps.size() / passes * (passes - 1);
    source.steps =
        replay_steps(one, first, run.ns_per_tick, from_memory ? weights_bytes : 0.0,
                     from_memory ? static_cast<double>(session.weights().head_bytes()) : 0.0);
  }
  for (ReplayStep& step : source.steps) step.loop.restart_ns = restart_ns;
  CellSpec two = spec;
  two.threads = 2;
  source.costs = measure_team_costs(session.team(two), steady_clock_ns());
  return source;
}

}  // namespace ryz
