// Where a team's time goes, by the time stamp counter: filled by Worker and Flow while
// Team::trace() is set, and only then. A reading costs some ten nanoseconds, two a chunk and three
// a step, so a traced run is one beside the timed ones; `clock_reads` says how many there were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/loop_spec.h"

namespace ryz {

// Ticks of the invariant time stamp counter; the caller compares them with a clock of its own.
inline std::uint64_t trace_ticks() { return __builtin_ia32_rdtsc(); }

struct TracedChunk {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint64_t ticks = 0;
};

// One step of a Flow as one worker saw it.
struct TracedStep {
  std::size_t units = 0;        // pieces the step outside its loop can be split into; 0: any number
  std::uint64_t own_ticks = 0;  // in the step, outside its loop
  std::uint64_t loop_ticks = 0;  // in the bodies of its loop's chunks
  // The step's loop; n = 0: it had none.
  std::size_t n = 0;
  LoopSpec spec;
  std::size_t align = 1;
  std::vector<TracedChunk> chunks;
};

struct alignas(64) WorkerTrace {
  std::uint64_t busy = 0;      // bodies of chunks and the rest of steps
  std::uint64_t dispatch = 0;  // in loops, outside bodies and barriers
  std::uint64_t wait = 0;      // at barriers, and for the region's end where one is a step
  std::uint64_t chunks = 0;
  std::uint64_t barriers = 0;
  std::uint64_t clock_reads = 0;
  std::vector<TracedStep> steps;
};

struct TeamTrace {
  std::vector<WorkerTrace> workers;
};

}  // namespace ryz
