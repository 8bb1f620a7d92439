#include "kernels/schedule.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace ryz {
namespace {

// Which team a thread's affinity was last set for: libgomp shares its threads among teams.
thread_local std::uint64_t placed_for = 0;

std::uint64_t next_team_id() {
  static std::atomic<std::uint64_t> id{0};
  return ++id;
}

// The CPUs this process may use, read before any pinning.
const cpu_set_t& process_cpus() {
  static const cpu_set_t set = [] {
    cpu_set_t s;
    CPU_ZERO(&s);
    if (sched_getaffinity(getpid(), sizeof s, &s) != 0) {
      for (int i = 0; i < CPU_SETSIZE; ++i) CPU_SET(i, &s);
    }
    return s;
  }();
  return set;
}

// A spin long enough for a balanced step's jitter, then the CPU is offered to others: with more
// threads than CPUs a pure spin would wait for whole time slices.
constexpr int kSpinsBeforeYield = 20000;

}  // namespace

std::string loop_name(LoopSpec spec) {
  const char* prefix = spec.kind == LoopKind::kStatic    ? "s"
                       : spec.kind == LoopKind::kDynamic ? "g"
                       : spec.kind == LoopKind::kGuided  ? "u"
                                                         : "w";
  return spec.grain == 0 ? std::string(prefix) : prefix + std::to_string(spec.grain);
}

std::vector<Chunk> static_chunks(std::size_t n, std::size_t grain, unsigned index, unsigned count,
                                 std::size_t align) {
  std::vector<Chunk> chunks;
  if (grain == 0) {
    const std::size_t units = (n + align - 1) / align;
    const std::size_t begin = std::min(n, units * index / count * align);
    const std::size_t end = std::min(n, units * (index + 1) / count * align);
    if (begin < end) chunks.push_back({begin, end});
    return chunks;
  }
  for (std::size_t begin = index * grain; begin < n; begin += count * grain) {
    chunks.push_back({begin, std::min(n, begin + grain)});
  }
  return chunks;
}

Chunk next_of_block(std::size_t n, std::size_t grain, unsigned owner, unsigned count, bool own,
                    BlockTaken& taken) {
  const std::size_t grains = (n + grain - 1) / grain;
  const std::size_t first = grains * owner / count + taken.front;
  const std::size_t last = grains * (owner + 1) / count - taken.back;
  if (first >= last) return {};
  const std::size_t size = count == 1 ? last - first : (last - first + 1) / 2;
  (own ? taken.front : taken.back) += static_cast<std::uint32_t>(size);
  const std::size_t begin = own ? first : last - size;
  return {begin * grain, std::min(n, (begin + size) * grain)};
}

void* ScratchPool::acquire(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = free_.size(); i-- > 0;) {
    if (free_[i]->size() >= bytes) {
      used_.push_back(std::move(free_[i]));
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
      return used_.back()->data();
    }
  }
  return used_.emplace_back(std::make_unique<Buffer>(bytes))->data();
}

void ScratchPool::release(void* p) {
  const std::lock_guard lock(mutex_);
  const auto it =
      std::find_if(used_.begin(), used_.end(), [p](const auto& b) { return b->data() == p; });
  if (it == used_.end()) return;
  free_.push_back(std::move(*it));
  used_.erase(it);
}

void Worker::barrier() {
  if (count_ == 1) return;
  std::atomic<unsigned>& generation = team_->generation_;
  const unsigned before = generation.load(std::memory_order_acquire);
  if (team_->arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
    team_->arrived_.store(0, std::memory_order_relaxed);
    generation.store(before + 1, std::memory_order_release);
    if (team_->options_.barrier == BarrierPolicy::kPark) generation.notify_all();
    return;
  }
  switch (team_->options_.barrier) {
    case BarrierPolicy::kPark:
      generation.wait(before, std::memory_order_acquire);
      return;
    case BarrierPolicy::kSpin:
      while (generation.load(std::memory_order_acquire) == before) __builtin_ia32_pause();
      return;
    case BarrierPolicy::kYield:
      for (int spins = 0; generation.load(std::memory_order_acquire) == before;) {
        if (++spins < kSpinsBeforeYield) {
          __builtin_ia32_pause();
        } else {
          sched_yield();
        }
      }
      return;
  }
}

Worker::Worker(Team& team, unsigned index, unsigned count)
    : team_(&team),
      trace_(team.trace_ == nullptr ? nullptr : &team.trace_->workers[index]),
      index_(index),
      count_(count) {}

void Worker::loop(std::size_t n, LoopSpec spec, FunctionRef<void(std::size_t, std::size_t)> body,
                  std::size_t align) {
  if (trace_ != nullptr) return traced_loop(n, spec, body, align);
  deal(n, spec, body, align);
  barrier();
}

void Worker::traced_loop(std::size_t n, LoopSpec spec,
                         FunctionRef<void(std::size_t, std::size_t)> body, std::size_t align) {
  if (trace_->steps.empty()) trace_->steps.emplace_back();  // a loop outside any Flow
  TracedStep& step = trace_->steps.back();
  step.n = n;
  step.spec = spec;
  step.align = align;
  std::uint64_t bodies = 0;
  const auto traced_body = [&](std::size_t begin, std::size_t end) {
    const std::uint64_t before = trace_ticks();
    body(begin, end);
    const std::uint64_t ticks = trace_ticks() - before;
    bodies += ticks;
    step.chunks.push_back({begin, end, ticks});
    trace_->clock_reads += 2;
    ++trace_->chunks;
  };
  const std::uint64_t start = trace_ticks();
  deal(n, spec, traced_body, align);
  const std::uint64_t dealt = trace_ticks();
  barrier();
  const std::uint64_t stop = trace_ticks();
  trace_->clock_reads += 3;
  ++trace_->barriers;
  step.loop_ticks += bodies;
  trace_->busy += bodies;
  trace_->dispatch += dealt - start - bodies;
  trace_->wait += stop - dealt;
}

void Worker::traced_step(FunctionRef<void(Worker&)> f, std::size_t units, bool barrier_after) {
  trace_->steps.emplace_back().units = units;
  const std::uint64_t loops_before = trace_->busy + trace_->dispatch + trace_->wait;
  const std::uint64_t start = trace_ticks();
  f(*this);
  const std::uint64_t done = trace_ticks();
  // What loops inside did not account for.
  const std::uint64_t loops = trace_->busy + trace_->dispatch + trace_->wait - loops_before;
  const std::uint64_t own = done - start - std::min(loops, done - start);
  trace_->steps.back().own_ticks = own;
  trace_->busy += own;
  trace_->clock_reads += 2;
  if (!barrier_after) return;
  barrier();
  trace_->wait += trace_ticks() - done;
  ++trace_->clock_reads;
  ++trace_->barriers;
}

void Worker::deal(std::size_t n, LoopSpec spec, FunctionRef<void(std::size_t, std::size_t)> body,
                  std::size_t align) {
  if (spec.kind == LoopKind::kStatic) {
    if (spec.grain == 0) {
      const std::size_t units = (n + align - 1) / align;
      const std::size_t begin = std::min(n, units * index_ / count_ * align);
      const std::size_t end = std::min(n, units * (index_ + 1) / count_ * align);
      if (begin < end) body(begin, end);
    } else {
      for (std::size_t b = index_ * spec.grain; b < n; b += count_ * spec.grain) {
        body(b, std::min(n, b + spec.grain));
      }
    }
    return;
  }
  const std::uint64_t k = loops_++;
  std::atomic<std::size_t>& next = team_->counters_[k % 3].next;
  team_->counters_[(k + 1) % 3].next.store(0, std::memory_order_relaxed);
  team_->seats_[index_].taken[(k + 1) % 3].store({}, std::memory_order_relaxed);
  const std::size_t grain = std::max<std::size_t>(1, spec.grain);
  if (spec.kind == LoopKind::kStealing) {
    return deal_blocks(n, grain, static_cast<unsigned>(k % 3), body);
  }
  if (spec.kind == LoopKind::kDynamic) {
    for (;;) {
      const std::size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= n) break;
      body(begin, std::min(n, begin + grain));
    }
  } else {
    std::size_t begin = next.load(std::memory_order_relaxed);
    for (;;) {
      if (begin >= n) break;
      // OpenMP's rule: what is left over the number of threads, not below the grain; whole grains,
      // so that chunks start at multiples of it.
      const std::size_t share = (n - begin) / count_ / grain * grain;
      const std::size_t size = std::min(n - begin, std::max(grain, share));
      if (next.compare_exchange_weak(begin, begin + size, std::memory_order_relaxed)) {
        body(begin, begin + size);
        begin = next.load(std::memory_order_relaxed);
      }
    }
  }
}

void Worker::deal_blocks(std::size_t n, std::size_t grain, unsigned round,
                         FunctionRef<void(std::size_t, std::size_t)> body) {
  for (unsigned i = 0; i < count_; ++i) {
    const unsigned owner = (index_ + i) % count_;
    std::atomic<BlockTaken>& taken = team_->seats_[owner].taken[round];
    BlockTaken before = taken.load(std::memory_order_relaxed);
    for (;;) {
      BlockTaken after = before;
      const Chunk chunk = next_of_block(n, grain, owner, count_, i == 0, after);
      if (chunk.begin == chunk.end) break;
      if (!taken.compare_exchange_weak(before, after, std::memory_order_relaxed)) continue;
      body(chunk.begin, chunk.end);
      before = taken.load(std::memory_order_relaxed);
    }
  }
}

void* Worker::arena(std::size_t bytes) {
  Buffer& buffer = team_->seats_[index_].arena;
  if (buffer.size() < bytes) buffer = Buffer(bytes, Pages::kHuge);
  return buffer.data();
}

ScratchPool& Worker::pool() { return team_->pool_; }

Team::Team(TeamOptions options)
    : options_(std::move(options)), id_(next_team_id()), seats_(options_.threads) {
  process_cpus();
  if (options_.threads == 0) throw std::invalid_argument("a team needs at least one thread");
  if (options_.threads > kMostThreads)
    throw std::invalid_argument("a team of more than 1024 threads");
  if (!options_.cpus.empty() && options_.cpus.size() < options_.threads) {
    throw std::invalid_argument("a pinned team needs one CPU a thread");
  }
}

Team::~Team() {
  // The caller was worker 0: give it back the CPUs it had.
  if (placed_for == id_ && !options_.cpus.empty()) {
    pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), &process_cpus());
    placed_for = 0;
  }
}

void Team::place(unsigned index) {
  if (placed_for != id_) {
    cpu_set_t set;
    if (options_.cpus.empty()) {
      set = process_cpus();
    } else {
      CPU_ZERO(&set);
      CPU_SET(options_.cpus[index], &set);
    }
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);  // read back below
    placed_for = id_;
    cpu_set_t now;
    CPU_ZERO(&now);
    pthread_getaffinity_np(pthread_self(), sizeof now, &now);
    seats_[index].placement.pinned =
        !options_.cpus.empty() && CPU_COUNT(&now) == 1 && CPU_ISSET(options_.cpus[index], &now);
  }
}

void Team::run(FunctionRef<void(Worker&)> f) {
  for (Counter& c : counters_) c.next.store(0, std::memory_order_relaxed);
  for (Seat& seat : seats_) {
    for (std::atomic<BlockTaken>& taken : seat.taken) taken.store({}, std::memory_order_relaxed);
  }
  arrived_.store(0, std::memory_order_relaxed);
  int got = static_cast<int>(options_.threads);
  if (options_.threads == 1) {
    place(0);
    Worker worker(*this, 0, 1);
    f(worker);
    seats_[0].placement.cpu = sched_getcpu();
    return;
  }
  omp_set_dynamic(0);
#pragma omp parallel num_threads(options_.threads)
  {
    const auto index = static_cast<unsigned>(omp_get_thread_num());
    if (omp_get_num_threads() != static_cast<int>(options_.threads)) {
      if (index == 0) got = omp_get_num_threads();
    } else {
      place(index);
      Worker worker(*this, index, options_.threads);
      f(worker);
      seats_[index].placement.cpu = sched_getcpu();
    }
  }
  if (got != static_cast<int>(options_.threads)) {
    throw std::runtime_error("asked for " + std::to_string(options_.threads) +
                             " threads, the OS gave " + std::to_string(got));
  }
}

void Team::execute(RegionPolicy policy, FunctionRef<void(Flow&)> f) {
  if (policy == RegionPolicy::kProduct) {
    Flow flow(*this);
    f(flow);
    return;
  }
  run([&](Worker& worker) {
    Flow flow(worker);
    f(flow);
  });
}

void Team::trace(TeamTrace* trace) {
  trace_ = trace;
  if (trace == nullptr) return;
  trace->workers.clear();
  trace->workers.resize(options_.threads);
}

std::vector<Placement> Team::placements() const {
  std::vector<Placement> placements;
  for (const Seat& seat : seats_) placements.push_back(seat.placement);
  return placements;
}

void Flow::step(std::size_t units, FunctionRef<void(Worker&)> f) {
  if (worker_ != nullptr) {
    if (worker_->trace_ != nullptr) return worker_->traced_step(f, units, true);
    f(*worker_);
    worker_->barrier();
  } else if (team_->trace_ != nullptr) {
    // The region's fork and join: what a worker did not do in it, it waited for.
    std::vector<std::uint64_t> before;
    const auto accounted = [](const WorkerTrace& w) { return w.busy + w.dispatch + w.wait; };
    for (const WorkerTrace& w : team_->trace_->workers) before.push_back(accounted(w));
    const std::uint64_t start = trace_ticks();
    team_->run([&](Worker& worker) { worker.traced_step(f, units, false); });
    const std::uint64_t took = trace_ticks() - start;
    for (std::size_t i = 0; i < before.size(); ++i) {
      WorkerTrace& w = team_->trace_->workers[i];
      const std::uint64_t inside = accounted(w) - before[i];
      w.wait += took - std::min(took, inside);
      ++w.barriers;
    }
    team_->trace_->workers[0].clock_reads += 2;
  } else {
    team_->run(f);
  }
}

}  // namespace ryz
