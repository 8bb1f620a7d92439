// Two fixed pieces of work, always the same, measured right before each sample on the sample's own
// threads: how fast the machine itself was at that moment. What slows them slows the cell too, and
// cancels in their ratio. About 2 ms each at some 3 GHz and 10 GB/s.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/measure/read_stream.h"
#include "kernels/buffer.h"
#include "kernels/schedule.h"

namespace ryz {

struct ReferenceTimes {
  std::uint64_t compute_ns = 0;  // integer multiply-adds in registers; the slowest thread's
  std::uint64_t memory_ns = 0;   // a read of memory last touched many reads ago
};

class ReferenceWork {
 public:
  // What the threads read for memory_ns, so much for each of them.
  static constexpr std::size_t kWindowBytes = std::size_t{32} << 20;

  // `bytes` of memory to read in turn, for all threads together: beyond the private caches. The
  // last-level cache of a virtual machine is its neighbours' too, and larger than what may be
  // taken; a window comes back only after the whole buffer.
  explicit ReferenceWork(std::size_t bytes = std::size_t{128} << 20);

  ReferenceTimes measure(Team& team);

  // Repeats the compute work until two runs agree within 2 %, for `most_s` at most: clocks of an
  // idle core take a while to rise. Returns the number of runs.
  unsigned spin_up(Team& team, double most_s);

 private:
  Ahead fastest_ahead();
  std::uint64_t compute(Team& team);
  std::uint64_t memory(Team& team);

  Buffer buffer_;
  Ahead ahead_ = Ahead::kNothing;  // the fastest here
  std::size_t window_ = 0;         // the next one, counted over threads
  std::uint64_t sum_ = 0;          // of all that was read, so that no read can be left out
};

}  // namespace ryz
