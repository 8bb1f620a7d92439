// What a loop would take on so many cores: a replay of its chunks under a schedule, with a price
// for taking a chunk, for the barrier, and a roof on what all cores together read from memory.
// Pure: costs in, times out. The fluid model of the roof: every core draws what its chunk needs at
// the speed it ran at alone, and where that is more than the roof gives, bandwidth is dealt out
// evenly, what one core does not need going to the others (max-min fairness).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "kernels/schedule.h"

namespace ryz {

// One parallel loop as it was measured on one thread.
struct LoopCosts {
  std::vector<double> iteration_ns;  // alone, on one core
  double bytes_per_iteration = 0.0;  // read from memory; 0: from caches, no roof
};

struct SimulatedMachine {
  unsigned cores = 1;
  double dispatch_ns = 0.0;  // to take a chunk, or to find that none is left; not for kStatic
  double barrier_ns = 0.0;   // from the last arrival until all go on; none with one core
  double gb_per_s = 0.0;     // 10^9 bytes a second, all cores together; 0: no roof
};

struct SimulatedLoop {
  double makespan_ns = 0.0;  // barrier included
  std::size_t chunks = 0;
  // By core; with `barrier_ns` they add up to the makespan.
  std::vector<double> busy_ns, dispatch_ns, wait_ns;
};

// The loop's iterations under `spec`, as Worker::loop() deals them out; `align` as there. Cores
// that ask for a chunk at the same time get it in the order of their numbers.
SimulatedLoop simulate_loop(const LoopCosts& costs, LoopSpec spec, const SimulatedMachine& machine,
                            std::size_t align = 1);

// A step that is split into at most `units` equal parts (0: any number), one thread's time known.
double simulate_step_ns(double one_thread_ns, std::size_t units, const SimulatedMachine& machine,
                        double bytes = 0.0);

}  // namespace ryz
