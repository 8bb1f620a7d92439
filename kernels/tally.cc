#include "kernels/tally.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/kernel.h"

namespace ryz {
namespace {

// Few distinct flag sets exist in one binary; a linear search over a thread's own slots costs a
// compare or two a call, and no thread writes another's cache line.
struct alignas(64) ThreadTally {
  struct Slot {
    std::atomic<std::uint32_t> bits{0};
    std::atomic<std::uint64_t> calls{0};
  };
  static constexpr std::size_t kSlots = 16;
  std::array<Slot, kSlots> slots;
  std::atomic<std::size_t> used{0};
};

struct Registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<ThreadTally>> tallies;  // kept when a thread ends
};

Registry& registry() {
  static Registry r;
  return r;
}

ThreadTally& mine() {
  thread_local ThreadTally* tally = [] {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    return r.tallies.emplace_back(std::make_unique<ThreadTally>()).get();
  }();
  return *tally;
}

}  // namespace

void tally_call(IsaSet compiled) noexcept {
  ThreadTally& t = mine();
  const std::size_t used = t.used.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < used; ++i) {
    if (t.slots[i].bits.load(std::memory_order_relaxed) == compiled.bits) {
      auto& calls = t.slots[i].calls;
      calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
  }
  if (used == ThreadTally::kSlots) return;
  t.slots[used].bits.store(compiled.bits, std::memory_order_relaxed);
  t.slots[used].calls.store(1, std::memory_order_relaxed);
  t.used.store(used + 1, std::memory_order_release);
}

std::map<std::uint32_t, std::uint64_t> called_isas() {
  std::map<std::uint32_t, std::uint64_t> calls;
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  for (const auto& t : r.tallies) {
    const std::size_t used = t->used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) {
      calls[t->slots[i].bits.load(std::memory_order_relaxed)] +=
          t->slots[i].calls.load(std::memory_order_relaxed);
    }
  }
  return calls;
}

std::map<std::uint32_t, std::uint64_t> calls_between(
    const std::map<std::uint32_t, std::uint64_t>& before,
    const std::map<std::uint32_t, std::uint64_t>& after) {
  std::map<std::uint32_t, std::uint64_t> delta;
  for (const auto& [bits, calls] : after) {
    const auto it = before.find(bits);
    const std::uint64_t old = it == before.end() ? 0 : it->second;
    if (calls > old) delta[bits] = calls - old;
  }
  return delta;
}

}  // namespace ryz
