#include "harness/diagnose/injected_faults.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "kernels/buffer.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

using std::chrono::microseconds;

// A kernel is plain function pointers, so that a wrapper's state has to be found by its code: slot
// N's functions are instantiated for N. One slot a wrapped kernel.
constexpr std::size_t kSlots = 96;

enum class Wrap : std::uint8_t {
  kBitFlip,
  kTail,
  kEmpty,
  kRace,
  kLock,
  kImbalance,
  kFineGrain,
  kSharedLine,
  kOwnLines,
  kSerialPart,
  kMoved,
  kExtraRows,
};

struct Slot {
  const Kernel* inner = nullptr;
  Wrap wrap = Wrap::kEmpty;
  double share = 0.0;  // of kExtraRows
  std::atomic<int> inside{0};
  std::mutex mutex;
};
std::array<Slot, kSlots>& slots() {
  static std::array<Slot, kSlots> all;
  return all;
}

// A call of multiply(), or of multiply_columns() where there are columns.
struct Call {
  const PackedView& w;
  const Activations& a;
  const void* table;
  const GroupRange* columns;
  RowRange rows;
  std::int32_t* out;
  std::size_t stride;
};

void pass_on(const Slot& s, const Call& c) noexcept {
  if (c.columns != nullptr) {
    s.inner->multiply_columns(c.w, c.a, *c.columns, c.rows, c.out);
  } else {
    s.inner->multiply(c.w, c.a, c.table, c.rows, c.out, c.stride);
  }
}

// Every so many chunks one is multiplied once more, whole: a call of fewer rows would cost more a
// row than the others do, and the share would not be the slowdown. Into memory of its own.
void multiply_again(const Slot& s, Call c) noexcept {
  const auto n = static_cast<double>(c.rows.end - c.rows.begin);
  thread_local double owed = 0.0;  // rows
  owed += s.share * n;
  if (owed < n) return;
  owed -= n;
  thread_local Buffer scratch;
  const std::size_t bytes = std::max<std::size_t>(1, c.a.tokens) * c.stride * sizeof(std::int32_t);
  if (scratch.size() < bytes) scratch = Buffer(bytes);
  c.out = scratch.as<std::int32_t>();
  pass_on(s, c);
}

// Threads count in one array: neighbours in one cache line, or each in a line of its own.
constexpr std::size_t kLineWords = 16;
constexpr std::size_t kCounters = 64;
alignas(64) std::array<std::atomic<std::uint32_t>, kCounters * kLineWords> row_counts;

void count_rows(std::size_t rows, bool shared) noexcept {
  constexpr std::size_t kCountsPerRow = 100;
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1);
  std::atomic<std::uint32_t>& count =
      shared ? row_counts[mine % kLineWords] : row_counts[mine % kCounters * kLineWords];
  for (std::size_t i = 0; i < rows * kCountsPerRow; ++i) {
    count.fetch_add(1, std::memory_order_relaxed);
  }
}

// The calling thread goes to the next of the CPUs it may use, as a busy system would move it.
void move_to_another_cpu() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  int cpu = sched_getcpu();
  do {
    cpu = (cpu + 1) % CPU_SETSIZE;
  } while (!CPU_ISSET(cpu, &allowed));
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
  sched_setaffinity(0, sizeof allowed, &allowed);
}

void run(Slot& s, const Call& c) noexcept {
  switch (s.wrap) {
    case Wrap::kBitFlip:
      return pass_on(s, c);
    case Wrap::kTail:
      pass_on(s, c);
      if (c.a.cols % 32 != 0) {
        for (std::size_t t = 0; t < c.a.tokens; ++t) {
          for (std::size_t r = 0; r < c.rows.end - c.rows.begin; ++r) c.out[t * c.stride + r] += 1;
        }
      }
      return;
    case Wrap::kEmpty:
      return;
    case Wrap::kRace: {
      const bool alone = s.inside.fetch_add(1) == 0;
      pass_on(s, c);
      std::this_thread::sleep_for(microseconds(20));  // so that calls do overlap
      if (!alone || s.inside.load() > 1) c.out[0] += 1;
      s.inside.fetch_sub(1);
      return;
    }
    case Wrap::kLock: {
      // Held well beyond the product, but not asleep: a timer's 50 us for each of a token's
      // thousands of chunks made a run take minutes more.
      const std::lock_guard lock(s.mutex);
      const auto until = std::chrono::steady_clock::now() + microseconds(10);
      pass_on(s, c);
      while (std::chrono::steady_clock::now() < until) {
      }
      return;
    }
    case Wrap::kImbalance:
      pass_on(s, c);
      // Sleep, so that the others need no idle CPU of their own to overtake it.
      if (::gettid() == ::getpid()) {
        std::this_thread::sleep_for(microseconds(20 * (c.rows.end - c.rows.begin)));
      }
      return;
    case Wrap::kFineGrain:
      pass_on(s, c);
      std::this_thread::sleep_for(microseconds(50));
      return;
    case Wrap::kSharedLine:
    case Wrap::kOwnLines:
      pass_on(s, c);
      count_rows(c.rows.end - c.rows.begin, s.wrap == Wrap::kSharedLine);
      return;
    case Wrap::kSerialPart:
      return pass_on(s, c);
    case Wrap::kMoved:
      move_to_another_cpu();
      return pass_on(s, c);
    case Wrap::kExtraRows:
      multiply_again(s, c);
      return pass_on(s, c);
  }
}

template <std::size_t N>
void multiply(const PackedView& w, const Activations& a, const void* table, RowRange rows,
              std::int32_t* out, std::size_t stride) noexcept {
  run(slots()[N], {w, a, table, nullptr, rows, out, stride});
}

template <std::size_t N>
void multiply_columns(const PackedView& w, const Activations& a, GroupRange groups, RowRange rows,
                      std::int32_t* out) noexcept {
  run(slots()[N], {w, a, nullptr, &groups, rows, out, rows.end - rows.begin});
}

template <std::size_t N>
void build(const Activations& a, GroupRange groups, void* table) noexcept {
  Slot& s = slots()[N];
  if (s.inner->build != nullptr) s.inner->build(a, groups, table);
  if (s.wrap == Wrap::kSerialPart && groups.begin == 0) {
    std::this_thread::sleep_for(microseconds(200));
  }
  // A kernel may need no table for few tokens.
  if (s.wrap == Wrap::kBitFlip && table != nullptr && groups.begin == 0 && groups.end > 0) {
    static_cast<unsigned char*>(table)[0] ^= 0x10U;
  }
}

struct Code {
  decltype(Kernel::multiply) multiply;
  decltype(Kernel::multiply_columns) multiply_columns;
  decltype(Kernel::build) build;
};
std::size_t one_line(std::size_t /*cols*/, std::size_t /*tokens*/) { return 64; }

template <std::size_t... N>
constexpr std::array<Code, sizeof...(N)> code_of(std::index_sequence<N...>) {
  return {Code{multiply<N>, multiply_columns<N>, build<N>}...};
}
constexpr auto kCode = code_of(std::make_index_sequence<kSlots>{});

// A wrapped kernel lives as long as the process: cells point at it.
const Kernel* wrapped(const Kernel* inner, Wrap wrap, double share) {
  static std::mutex mutex;
  static std::map<std::pair<const Kernel*, Wrap>, std::unique_ptr<Kernel>> made;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Kernel>& kernel = made[{inner, wrap}];
  if (!kernel) {
    const std::size_t n = made.size() - 1;
    if (n >= kSlots) throw std::length_error("too many kernels to put a fault into");
    kernel = std::make_unique<Kernel>(*inner);
    kernel->multiply = kCode[n].multiply;
    // The steps that build a table come before each product, for kernels without one too.
    if (inner->build != nullptr || wrap == Wrap::kSerialPart) kernel->build = kCode[n].build;
    if (inner->multiply_columns != nullptr) kernel->multiply_columns = kCode[n].multiply_columns;
    // These two are in the team's step that builds.
    if (wrap == Wrap::kSerialPart || wrap == Wrap::kBitFlip) kernel->multiply_columns = nullptr;
    if (kernel->build != nullptr && inner->table_bytes == nullptr) kernel->table_bytes = one_line;
    slots()[n].inner = inner;
    slots()[n].wrap = wrap;
  }
  for (Slot& s : slots()) {
    if (s.inner == inner && s.wrap == wrap) s.share = share;
  }
  return kernel.get();
}

using Execution = std::function<CellSpec(const CellSpec&)>;

Execution wrapping(Wrap wrap, double share = 0.0) {
  return [wrap, share](CellSpec spec) {
    if (spec.called() != nullptr) spec.executed = wrapped(spec.called(), wrap, share);
    return spec;
  };
}

bool other_way(const CellSpec& spec, const char* code) {
  return spec.control == "all" || spec.control == code;
}

}  // namespace

std::vector<std::string> fault_names() {
  return {"none",        "simd-off",      "lut-bitflip", "tail-bug",     "empty-kernel",
          "race",        "lock",          "imbalance",   "fine-grain",   "false-sharing",
          "serial-part", "oversubscribe", "unpinned",    "extra-rows:10"};
}

Execution fault_execution(const std::string& name, const Catalogue& catalogue) {
  if (name == "none") return {};
  if (name == "simd-off") {
    const Catalogue* all = &catalogue;
    return [all](CellSpec spec) {
      for (const Kernel* k : all->kernels) {
        if (spec.requested && k->encoding == spec.requested->encoding && k->needs == IsaSet{}) {
          spec.executed = k;
          break;
        }
      }
      return spec;
    };
  }
  if (name == "lut-bitflip") {
    const Execution flip = wrapping(Wrap::kBitFlip);
    return [flip](const CellSpec& spec) {
      return spec.called() != nullptr && spec.called()->build != nullptr ? flip(spec) : spec;
    };
  }
  if (name == "tail-bug") return wrapping(Wrap::kTail);
  if (name == "empty-kernel") return wrapping(Wrap::kEmpty);
  if (name == "race") return wrapping(Wrap::kRace);
  if (name == "lock") {
    const Execution lock = wrapping(Wrap::kLock);
    return [lock](CellSpec spec) {
      if (other_way(spec, "LOCK_CONTENTION")) return spec;
      spec.schedule.scratch = ScratchPolicy::kLockedPool;
      return lock(spec);
    };
  }
  if (name == "imbalance") {
    const Execution heavy = wrapping(Wrap::kImbalance);
    // The control of imbalance hands rows out as threads ask for them: it meets the same thread.
    return [heavy](const CellSpec& spec) { return spec.control == "all" ? spec : heavy(spec); };
  }
  if (name == "fine-grain") {
    const Execution slow = wrapping(Wrap::kFineGrain);
    return [slow](CellSpec spec) {
      if (other_way(spec, "GRAIN_TOO_FINE")) return spec;
      spec.schedule.loop = {LoopKind::kDynamic, 1};
      return slow(spec);
    };
  }
  if (name == "false-sharing") {
    const Execution sharing = wrapping(Wrap::kSharedLine);
    const Execution apart = wrapping(Wrap::kOwnLines);
    return [sharing, apart](CellSpec spec) {
      if (spec.control == "all") return spec;
      if (other_way(spec, "FALSE_SHARING")) return apart(spec);
      spec.schedule.output = OutputPolicy::kInterleaved;
      return sharing(spec);
    };
  }
  if (name == "serial-part") {
    const Execution serial = wrapping(Wrap::kSerialPart);
    return [serial](const CellSpec& spec) {
      return other_way(spec, "SERIAL_PART") ? spec : serial(spec);
    };
  }
  if (name == "oversubscribe") {
    return [](CellSpec spec) {
      if (spec.threads > 1 && !other_way(spec, "OVERSUBSCRIBED")) spec.threads *= 4;
      return spec;
    };
  }
  if (name == "unpinned") {
    const Execution moved = wrapping(Wrap::kMoved);
    return [moved](CellSpec spec) {
      if (other_way(spec, "UNPINNED")) return spec;
      spec.pin = {PinPolicy::kNone, {}, {}};
      return moved(spec);
    };
  }
  const std::string extra = "extra-rows:";
  if (name.rfind(extra, 0) == 0) {
    char* end = nullptr;
    const double percent = std::strtod(name.c_str() + extra.size(), &end);
    if (*end == '\0' && end != name.c_str() + extra.size() && percent > 0.0 && percent <= 100.0) {
      return wrapping(Wrap::kExtraRows, percent / 100.0);
    }
  }
  throw std::invalid_argument("unknown fault " + name);
}

}  // namespace ryz
