// How work is split over threads: the one team of the program, its loops, its barrier, and where
// scratch memory and results lie. OpenMP gives the threads; the loops and the barrier are ours,
// because libgomp fixes its wait policy at start and hides its dispatch from measurement.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/function_ref.h"
#include "kernels/loop_spec.h"
#include "kernels/schedule_trace.h"

namespace ryz {

inline constexpr unsigned kMostThreads = 1024;  // of a team

// Where a chunk of a product puts its int32 sums before they become floats.
enum class ScratchPolicy : std::uint8_t {
  kLockedPool,  // as found: one pool behind a mutex, taken and given back for every chunk
  kArenas,      // repaired: each thread's own
};

// Where threads write results.
enum class OutputPolicy : std::uint8_t {
  kInterleaved,  // as found: neighbouring chunks' results share cache lines
  kAligned,      // repaired: each chunk's results start on a cache line of their own
};

// How a token's steps meet the team.
enum class RegionPolicy : std::uint8_t {
  kToken,    // one parallel region a token, barriers between steps
  kProduct,  // as found: fork and join for every step
};

// How a worker waits for the others at a barrier of ours.
enum class BarrierPolicy : std::uint8_t {
  kSpin,   // never gives its CPU away: shortest wake-up, ruinous with more threads than CPUs
  kYield,  // spins for a balanced step's jitter, then offers the CPU to others
  kPark,   // asleep in the kernel until the last worker has arrived
};

// Who writes packed weights first, on whose NUMA node they lie from then on.
enum class FirstTouch : std::uint8_t {
  kOwners,  // the thread that reads them under static blocks
  kOne,     // as found: one thread packs everything
};

struct Schedule {
  LoopSpec loop;
  ScratchPolicy scratch = ScratchPolicy::kArenas;
  OutputPolicy output = OutputPolicy::kAligned;
  RegionPolicy region = RegionPolicy::kToken;
  BarrierPolicy barrier = BarrierPolicy::kYield;  // of the team the schedule runs on
  FirstTouch first_touch = FirstTouch::kOwners;   // of the weights it reads
  bool operator==(const Schedule&) const = default;
};

// One chunk of a loop over n iterations.
struct Chunk {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The static chunks of worker `index` of `count`, in order: pure, so that it can be tested and
// simulated. With grain 0 boundaries are rounded to multiples of `align` iterations.
std::vector<Chunk> static_chunks(std::size_t n, std::size_t grain, unsigned index, unsigned count,
                                 std::size_t align);

// Of one worker's block under kStealing: grains taken from its front, by itself, and from its end,
// by others. Aligned as a whole, without which clang calls a library for its atomics.
struct alignas(8) BlockTaken {
  std::uint32_t front = 0;
  std::uint32_t back = 0;
};

// What is taken next of the block of worker `owner` of `count`, by itself or by another: half of
// what is left, in whole grains (alone: all of it); empty where nothing is left. The owner goes on
// where it stood, so that it reads on in a line as in static blocks; only who has no more of his
// own takes from others. Pure, as static_chunks().
Chunk next_of_block(std::size_t n, std::size_t grain, unsigned owner, unsigned count, bool own,
                    BlockTaken& taken);

class Team;

// A mutex-guarded pool of scratch buffers, as the engine had it.
class ScratchPool {
 public:
  void* acquire(std::size_t bytes);
  void release(void* p);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Buffer>> free_;
  std::vector<std::unique_ptr<Buffer>> used_;
};

// One thread's view of a running parallel region.
class Worker {
 public:
  unsigned index() const { return index_; }
  unsigned count() const { return count_; }

  // Returns when every worker of the team has arrived; what they wrote before is visible after.
  void barrier();

  // Splits iterations [0, n) among the workers; body(begin, end) runs for each chunk this worker
  // gets. Every worker must call it with the same arguments. Ends with a barrier.
  // `align` rounds the boundaries of static blocks (grain 0) to multiples of so many iterations.
  void loop(std::size_t n, LoopSpec spec, FunctionRef<void(std::size_t, std::size_t)> body,
            std::size_t align = 1);

  // This worker's own 64-byte aligned scratch, valid until its next call.
  void* arena(std::size_t bytes);

  ScratchPool& pool();

 private:
  friend class Team;
  friend class Flow;
  Worker(Team& team, unsigned index, unsigned count);

  // The loop without its barrier.
  void deal(std::size_t n, LoopSpec spec, FunctionRef<void(std::size_t, std::size_t)> body,
            std::size_t align);
  void deal_blocks(std::size_t n, std::size_t grain, unsigned round,
                   FunctionRef<void(std::size_t, std::size_t)> body);
  void traced_loop(std::size_t n, LoopSpec spec, FunctionRef<void(std::size_t, std::size_t)> body,
                   std::size_t align);
  void traced_step(FunctionRef<void(Worker&)> f, std::size_t units, bool barrier_after);

  Team* team_;
  WorkerTrace* trace_ = nullptr;
  unsigned index_;
  unsigned count_;
  std::uint64_t loops_ = 0;  // loops begun in this region, static ones apart
};

struct TeamOptions {
  unsigned threads = 1;
  std::vector<int> cpus;  // one OS CPU number a worker; empty: not pinned
  BarrierPolicy barrier = BarrierPolicy::kYield;
};

// Where a worker really ran, read back from the OS inside the region.
struct Placement {
  int cpu = -1;         // sched_getcpu() at the last region's end
  bool pinned = false;  // its affinity mask is exactly the requested CPU
};

class Team {
 public:
  explicit Team(TeamOptions options);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  unsigned size() const { return options_.threads; }

  // Runs f once on every worker (the caller is worker 0) and returns when all have finished.
  // f must not throw. Throws std::runtime_error where the OS gives fewer threads.
  void run(FunctionRef<void(Worker&)> f);

  // Starts `f` on this schedule's region policy; see Flow.
  void execute(RegionPolicy policy, FunctionRef<void(class Flow&)> f);

  // From now on runs are traced into `trace`, which gets one entry a worker; null: no longer.
  void trace(TeamTrace* trace);

  // Placements of the last run.
  std::vector<Placement> placements() const;

 private:
  friend class Flow;
  friend class Worker;
  struct alignas(64) Counter {
    std::atomic<std::size_t> next{0};
  };
  struct alignas(64) Seat {
    Buffer arena;
    Placement placement;
    alignas(64) std::atomic<BlockTaken> taken[3];  // as counters_
  };

  void place(unsigned index);

  TeamOptions options_;
  TeamTrace* trace_ = nullptr;
  std::uint64_t id_;
  std::vector<Seat> seats_;
  // Loop k uses counter k % 3; whoever enters loop k clears the one of loop k + 1, which every
  // worker has left (a barrier ends each loop) and none has reached.
  Counter counters_[3];
  alignas(64) std::atomic<unsigned> arrived_{0};
  alignas(64) std::atomic<unsigned> generation_{0};
  ScratchPool pool_;
};

// A sequence of parallel steps, run either inside one region (every worker executes the sequence,
// a barrier after each step) or as one region a step. The code between steps must be pure control
// flow: under RegionPolicy::kToken every worker executes it.
class Flow {
 public:
  // `units`: pieces that `f` splits its own work into at most (tokens, say); 0: any number. For
  // traces only.
  void step(std::size_t units, FunctionRef<void(Worker&)> f);
  void step(FunctionRef<void(Worker&)> f) { step(0, f); }

 private:
  friend class Team;
  explicit Flow(Team& team) : team_(&team) {}
  explicit Flow(Worker& worker) : worker_(&worker) {}

  Team* team_ = nullptr;
  Worker* worker_ = nullptr;
};

// "s", "s4" (static), "g4" (dynamic), "u4" (guided), "w4" (work stealing): the schedule part of a
// cell id.
std::string loop_name(LoopSpec spec);

}  // namespace ryz
