// What a loop would take on so many cores: a replay of its chunks under a schedule, with a price
// for taking a chunk, for the barrier, and a roof on what all cores together read from memory.
// Pure: costs in, times out. The roof is dealt out evenly, what one core does not need going to the
// others (max-min fairness) or to all. A core that ran alone had waited for its bytes as long as
// bare reading takes alone, and worked the rest of its time; among others it waits as long as its
// share of the roof takes, and works as long as before: of one core's own time nothing hides the
// longer wait. Only where CPUs are not cores of their own does work take longer too, for as long as
// more than one of them runs.
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
  // More for a chunk that does not begin where its core's last one ended (the first: at 0): what
  // what was fetched ahead is not what is needed. Under a roof it costs the same: that it takes
  // longer by as much as the bytes do was tried, and predicted grains of 1 to 4 too slow.
  double restart_ns = 0.0;
};

struct SimulatedMachine {
  unsigned cores = 1;
  double dispatch_ns = 0.0;  // to take a chunk, or to find that none is left; not for kStatic
  double barrier_ns = 0.0;   // from the last arrival until all go on; none with one core
  double gb_per_s = 0.0;     // 10^9 bytes a second, all cores together; 0: no roof
  // What one core reads alone, doing nothing else; 0: no more than it drew, all its time was
  // waiting. A core that drew more than this counts likewise.
  double alone_gb_per_s = 0.0;
  double work_slowdown = 1.0;  // of a core's work while others run; 1: it has its units for itself
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

// A step that is split into at most `units` equal parts (0: any number), one thread's time known,
// and the bytes that all parts together read from memory.
double simulate_step_ns(double one_thread_ns, std::size_t units, const SimulatedMachine& machine,
                        double bytes = 0.0);

}  // namespace ryz
