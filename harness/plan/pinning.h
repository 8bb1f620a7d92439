// Which CPUs a team's threads are pinned to: a named policy, resolved against a topology into an
// order of CPUs of which so many threads take so many.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/topology.h"

namespace ryz {

enum class PinPolicy : std::uint8_t {
  kCores,    // one hardware thread of each physical core, in the machine's order
  kNone,     // as found: the OS moves threads as it likes
  kCompact,  // all hardware threads of a core, then the next core's
  kSpread,   // physical cores, taken from the NUMA nodes in turn
  kSmt,      // the first hardware thread of every core, then the second of each
  kList,     // as told
};

struct Pinning {
  PinPolicy policy = PinPolicy::kCores;
  std::vector<int> cpus;  // OS numbers in the order threads take them; empty: the session's cores
  std::string not_here;   // why this machine cannot show it; empty where it can

  bool pinned() const { return policy != PinPolicy::kNone; }
  bool operator==(const Pinning&) const = default;
};

// "cores", "none", "compact", "spread", "smt", "list:0,2": the value of @pin= in a cell id.
std::string pin_name(const Pinning& pinning);

// The order of CPUs of a policy (not kList, not kNone). Where it is the order of kCores on this
// topology, `not_here` says so: its cells would measure the same thing twice.
Pinning resolve_pinning(PinPolicy policy, const Topology& topology);

// The CPUs of a team of so many threads, one a thread; `cores` are what a pinning without CPUs of
// its own stands for. Empty where the team is not pinned: it is not meant to be, or there are more
// threads than CPUs.
std::vector<int> team_cpus(const Pinning& pinning, const std::vector<int>& cores, unsigned threads);

// The values of `--pin`: comma-separated policies; numbers and ranges after `list:` belong to it
// (`none,list:0,2-3`). A CPU outside the topology, or given twice, is an error: UsageError.
std::vector<Pinning> parse_pinnings(std::string_view text, const Topology& topology);

}  // namespace ryz
