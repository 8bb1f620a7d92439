#include "harness/measure/schedule_simulation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace ryz {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The chunk that a dynamic or guided loop hands out next; it may lie behind the end.
Chunk next_chunk(std::size_t begin, std::size_t n, LoopSpec spec, unsigned cores) {
  const std::size_t grain = std::max<std::size_t>(1, spec.grain);
  std::size_t size = grain;
  if (spec.kind == LoopKind::kGuided) size = std::max(grain, (n - begin) / cores / grain * grain);
  return {begin, std::min(n, begin + size)};
}

// Of its full speed, that of a core which alone drew `demand` bytes a ns, where `share` are given
// and work takes `slowdown` times as long.
double speed_under(double demand, double share, double slowdown, const SimulatedMachine& machine) {
  const double alone = std::max(machine.alone_gb_per_s, demand);
  const double work = 1.0 - demand / alone;
  return 1.0 / (work * slowdown + demand * std::max(1.0 / share, 1.0 / alone));
}

class LoopReplay {
 public:
  LoopReplay(const LoopCosts& costs, LoopSpec spec, const SimulatedMachine& machine,
             std::size_t align)
      : costs_(costs), spec_(spec), machine_(machine), n_(costs.iteration_ns.size()) {
    if (machine.cores == 0) throw std::invalid_argument("a simulated machine needs a core");
    sums_.reserve(n_ + 1);
    sums_.push_back(0.0);
    for (const double ns : costs.iteration_ns) {
      if (!(ns >= 0.0)) throw std::invalid_argument("an iteration's cost is a time from 0");
      sums_.push_back(sums_.back() + ns);
    }
    cores_.resize(machine.cores);
    if (spec.kind == LoopKind::kStatic) {
      for (unsigned i = 0; i < machine.cores; ++i) {
        cores_[i].own = static_chunks(n_, spec.grain, i, machine.cores, align);
      }
    }
  }

  SimulatedLoop operator()() {
    result_.busy_ns.assign(machine_.cores, 0.0);
    result_.dispatch_ns.assign(machine_.cores, 0.0);
    result_.wait_ns.assign(machine_.cores, 0.0);
    for (Core& core : cores_) start(core);
    double now = 0.0;
    for (;;) {
      set_rates();
      double step = kNever;
      for (const Core& core : cores_) step = std::min(step, core.time_left());
      if (step == kNever) break;
      now += step;
      for (unsigned i = 0; i < cores_.size(); ++i) advance(i, step, now);
    }
    result_.makespan_ns = now + (machine_.cores > 1 ? machine_.barrier_ns : 0.0);
    for (unsigned i = 0; i < cores_.size(); ++i) result_.wait_ns[i] = now - cores_[i].end_ns;
    return std::move(result_);
  }

 private:
  enum class State { kTaking, kRunning, kDone };

  struct Core {
    State state = State::kDone;
    double left_ns = 0.0;  // of the taking, or of the chunk at full speed
    double demand = 0.0;   // bytes a ns at full speed
    double share = 0.0;    // of the roof, bytes a ns
    double speed = 1.0;    // of full speed
    double end_ns = 0.0;
    Chunk chunk;
    std::size_t reached = 0;  // the end of its last chunk
    std::vector<Chunk> own;   // kStatic
    std::size_t taken = 0;
    BlockTaken block;  // kStealing

    double time_left() const { return state == State::kDone ? kNever : left_ns / speed; }
  };

  void start(Core& core) {
    if (spec_.kind != LoopKind::kStatic) {
      core.state = State::kTaking;
      core.left_ns = machine_.dispatch_ns;
      core.speed = 1.0;
      core.demand = 0.0;
      return;
    }
    if (core.taken == core.own.size()) {
      core.state = State::kDone;
      return;
    }
    run(core, core.own[core.taken++]);
  }

  void run(Core& core, Chunk chunk) {
    ++result_.chunks;
    core.chunk = chunk;
    core.state = State::kRunning;
    core.left_ns = sums_[chunk.end] - sums_[chunk.begin];
    if (chunk.begin != core.reached) core.left_ns += costs_.restart_ns;
    core.reached = chunk.end;
    const double bytes = costs_.bytes_per_iteration * static_cast<double>(chunk.end - chunk.begin);
    core.demand = core.left_ns > 0.0 ? bytes / core.left_ns : 0.0;
    core.speed = 1.0;
  }

  // Max-min fairness: the least demanding first, each at most an even share of what is left. What
  // nobody needs is at everybody's disposal.
  void set_rates() {
    const auto running = std::count_if(cores_.begin(), cores_.end(), [](const Core& core) {
      return core.state == State::kRunning;
    });
    const double slowdown = running > 1 ? machine_.work_slowdown : 1.0;
    std::vector<Core*> drawing;
    for (Core& core : cores_) {
      if (core.state != State::kRunning) continue;
      if (machine_.gb_per_s > 0.0 && core.demand > 0.0) {
        drawing.push_back(&core);
      } else {
        core.speed = 1.0 / slowdown;
      }
    }
    std::stable_sort(drawing.begin(), drawing.end(),
                     [](const Core* a, const Core* b) { return a->demand < b->demand; });
    double left = machine_.gb_per_s;  // 10^9 B/s are bytes a ns
    for (std::size_t i = 0; i < drawing.size(); ++i) {
      drawing[i]->share = left / static_cast<double>(drawing.size() - i);
      left -= std::min(drawing[i]->demand, drawing[i]->share);
    }
    for (Core* core : drawing) {
      const double share = std::max(core->share, std::min(core->demand, core->share) + left);
      core->speed = speed_under(core->demand, share, slowdown, machine_);
    }
  }

  void advance(unsigned index, double step, double now) {
    Core& core = cores_[index];
    if (core.state == State::kDone) return;
    double& account =
        core.state == State::kTaking ? result_.dispatch_ns[index] : result_.busy_ns[index];
    account += step;
    // Those that end now end exactly: a rounding error must not make an event of its own.
    const bool ends = core.time_left() <= step * (1.0 + 1e-12);
    core.left_ns = ends ? 0.0 : core.left_ns - step * core.speed;
    if (!ends) return;
    core.end_ns = now;
    if (core.state == State::kRunning) return start(core);
    const Chunk chunk = spec_.kind == LoopKind::kStealing ? next_of_blocks(index) : next_shared();
    if (chunk.begin < chunk.end) return run(core, chunk);
    core.state = State::kDone;
  }

  Chunk next_shared() {
    if (next_ >= n_) return {};
    const Chunk chunk = next_chunk(next_, n_, spec_, machine_.cores);
    next_ = chunk.end;
    return chunk;
  }

  Chunk next_of_blocks(unsigned index) {
    const unsigned count = machine_.cores;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned owner = (index + i) % count;
      const Chunk chunk = next_of_block(n_, std::max<std::size_t>(1, spec_.grain), owner, count,
                                        i == 0, cores_[owner].block);
      if (chunk.begin < chunk.end) return chunk;
    }
    return {};
  }

  const LoopCosts& costs_;
  LoopSpec spec_;
  const SimulatedMachine& machine_;
  std::size_t n_;
  std::vector<double> sums_;  // of the costs before each iteration
  std::vector<Core> cores_;
  std::size_t next_ = 0;
  SimulatedLoop result_;
};

}  // namespace

SimulatedLoop simulate_loop(const LoopCosts& costs, LoopSpec spec, const SimulatedMachine& machine,
                            std::size_t align) {
  return LoopReplay(costs, spec, machine, align)();
}

double simulate_step_ns(double one_thread_ns, std::size_t units, const SimulatedMachine& machine,
                        double bytes) {
  const double cores = machine.cores;
  double share = 1.0 / cores;
  if (units > 0) {
    const double n = static_cast<double>(units);
    share = std::ceil(n / cores) / n;
  }
  double ns = one_thread_ns * share;
  const double slowdown = share < 1.0 ? machine.work_slowdown : 1.0;
  if (machine.gb_per_s > 0.0 && bytes > 0.0 && one_thread_ns > 0.0) {
    // 1 / share parts run at a time.
    ns /= speed_under(bytes / one_thread_ns, machine.gb_per_s * share, slowdown, machine);
  } else {
    ns *= slowdown;
  }
  return ns + (machine.cores > 1 ? machine.barrier_ns : 0.0);
}

}  // namespace ryz
