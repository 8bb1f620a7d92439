#include "harness/measure/tracing.h"

#include <algorithm>
#include <vector>

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

TracedRun traced_run(Session& session, const CellSpec& spec, std::size_t prefill_tokens) {
  std::vector<float> logits(session.weights().config.vocab);
  session.prepare(spec);
  const ClockNs now = steady_clock_ns();
  Team& team = session.team(spec);
  const auto traced = [&](std::size_t tokens) {
    TracedRun run;
    run.tokens = tokens;
    team.trace(&run.trace);
    const std::uint64_t ns = now();
    const std::uint64_t ticks = trace_ticks();
    try {
      if (spec.phase == Phase::kDecode) {
        session.decode(spec, tokens, logits.data());
      } else {
        session.prefill(spec, tokens, logits.data());
      }
    } catch (...) {
      team.trace(nullptr);
      throw;
    }
    const std::uint64_t ticks_taken = trace_ticks() - ticks;
    run.ns = static_cast<double>(now() - ns);
    team.trace(nullptr);
    run.ns_per_tick = run.ns / static_cast<double>(ticks_taken);
    return run;
  };
  const bool decode = spec.phase == Phase::kDecode;
  TracedRun first = traced(decode ? 1 : prefill_tokens);
  if (decode && first.ns >= kSlowTokenNs) return first;
  return traced(decode ? kDecodeTokens : prefill_tokens);  // the first one warmed up
}

}  // namespace

report::Attribution trace_attribution(Session& session, const CellSpec& spec,
                                      std::size_t prefill_tokens) {
  const TracedRun run = traced_run(session, spec, prefill_tokens);
  const TeamCosts costs = measure_team_costs(session.team(spec), steady_clock_ns());
  return attribution(run.trace, static_cast<double>(run.tokens), run.ns_per_tick,
                     costs.clock_read_ns);
}

ProjectionSource trace_projection(Session& session, const CellSpec& spec,
                                  std::size_t prefill_tokens, double weights_bytes,
                                  bool from_memory) {
  constexpr int kRuns = 3;
  ProjectionSource source;
  source.from_memory = from_memory;
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
  CellSpec two = spec;
  two.threads = 2;
  source.costs = measure_team_costs(session.team(two), steady_clock_ns());
  return source;
}

}  // namespace ryz
