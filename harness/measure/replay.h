// From a traced run to numbers: where the threads' time went, and what the same steps would take
// on another number of cores. Pure but for measure_team_costs().
#pragma once

#include <cstddef>
#include <vector>

#include "harness/measure/roofs.h"
#include "harness/measure/schedule_simulation.h"
#include "kernels/schedule.h"
#include "reports/report.h"

namespace ryz {

// One step of a token (or batch), as one thread ran it.
struct ReplayStep {
  double own_ns = 0.0;  // outside its loop
  std::size_t units = 0;
  double own_bytes = 0.0;  // read from memory by that part; none where the step has a loop
  LoopCosts loop;          // no iterations: it has no loop
  LoopSpec spec;
  std::size_t align = 1;
};

// The steps of a one-thread trace from number `first` on. `weights_bytes` (0: they fit in the
// caches) are dealt out over the loops in proportion to their time; the last step, which multiplies
// the head, reads `head_bytes`.
std::vector<ReplayStep> replay_steps(const WorkerTrace& one_thread, std::size_t first,
                                     double ns_per_tick, double weights_bytes, double head_bytes);

// All steps one after the other; a loop ends with a barrier and so does its step. `slower`: every
// time of one thread is so many times what was traced (it reads the same bytes).
double replay_ns(const std::vector<ReplayStep>& steps, const SimulatedMachine& machine,
                 double slower = 1.0);

// Shares of each thread's time in a traced run of `tokens` tokens.
report::Attribution attribution(const TeamTrace& trace, double tokens, double ns_per_tick,
                                double clock_read_ns);

// What the team's own mechanics cost: a chunk taken while others take theirs, a barrier that all
// reach at once, a reading of the trace's clock.
struct TeamCosts {
  double dispatch_ns = 0.0;
  double barrier_ns = 0.0;
  double clock_read_ns = 0.0;
};
TeamCosts measure_team_costs(Team& team, const ClockNs& now);

// What a scaling curve is projected from.
struct ProjectionSource {
  std::vector<ReplayStep> steps;  // of the curve's one-thread cell
  bool from_memory = false;       // the weights do not fit in the caches
  TeamCosts costs;                // of a team of two
  double restart_ns = 0.0;        // as the steps' loops have it
};

}  // namespace ryz
