#include "harness/plan/pinning.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"

namespace ryz {
namespace {

constexpr int kMostCpu = 1 << 16;
constexpr std::string_view kListPrefix = "list:";

constexpr std::pair<const char*, PinPolicy> kNames[] = {
    {"cores", PinPolicy::kCores},   {"none", PinPolicy::kNone}, {"compact", PinPolicy::kCompact},
    {"spread", PinPolicy::kSpread}, {"smt", PinPolicy::kSmt},
};

std::vector<int> compact_cpus(const Topology& topology) {
  std::vector<int> cpus;
  for (const Topology::Core& core : topology.cores()) {
    cpus.insert(cpus.end(), core.cpus.begin(), core.cpus.end());
  }
  return cpus;
}

std::vector<int> spread_cpus(const Topology& topology) {
  std::vector<std::vector<int>> nodes(topology.numa_nodes());
  for (const Topology::Core& core : topology.cores()) {
    nodes[std::min<std::size_t>(core.node, nodes.size() - 1)].push_back(core.cpus.front());
  }
  std::vector<int> cpus;
  for (std::size_t turn = 0; cpus.size() < topology.physical_cores(); ++turn) {
    for (const std::vector<int>& node : nodes) {
      if (turn < node.size()) cpus.push_back(node[turn]);
    }
  }
  return cpus;
}

class PinParser {
 public:
  PinParser(std::string_view text, const Topology& topology) : text_(text), topology_(topology) {}

  std::vector<Pinning> parse() {
    for (std::size_t begin = 0; begin <= text_.size();) {
      const std::size_t end = std::min(text_.find(',', begin), text_.size());
      item(begin, end);
      begin = end + 1;
    }
    for (const Pinning& p : pinnings_) {
      if (p.policy == PinPolicy::kList && p.cpus.empty())
        fail("the list is empty", 0, text_.size());
    }
    return std::move(pinnings_);
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::size_t begin, std::size_t end) const {
    throw UsageError({.id = "RZ215",
                      .message = message,
                      .flag = "--pin",
                      .text = std::string(text_),
                      .position = begin,
                      .length = std::max<std::size_t>(1, end - begin),
                      .help = "cores, none, compact, spread, smt or list:0,2-3; this process may "
                              "use the CPUs " +
                              known_cpus()});
  }

  std::string known_cpus() const {
    std::vector<std::string> names;
    std::vector<int> cpus = compact_cpus(topology_);
    std::sort(cpus.begin(), cpus.end());
    for (const int cpu : cpus) names.push_back(std::to_string(cpu));
    return join_names(names);
  }

  void item(std::size_t begin, std::size_t end) {
    const std::string_view word = text_.substr(begin, end - begin);
    if (word.starts_with(kListPrefix)) {
      pinnings_.push_back({PinPolicy::kList, {}, {}});
      in_list_ = true;
      return cpus(begin + kListPrefix.size(), end);
    }
    if (in_list_ && !word.empty() && word.front() >= '0' && word.front() <= '9') {
      return cpus(begin, end);
    }
    in_list_ = false;
    for (const auto& [name, policy] : kNames) {
      if (word != name) continue;
      Pinning pinning = resolve_pinning(policy, topology_);
      if (std::find(pinnings_.begin(), pinnings_.end(), pinning) == pinnings_.end()) {
        pinnings_.push_back(std::move(pinning));
      }
      return;
    }
    fail("no such pinning: '" + std::string(word) + "'", begin, end);
  }

  void cpus(std::size_t begin, std::size_t end) {
    const char* const last = text_.data() + end;
    int first_cpu = 0;
    std::from_chars_result read = std::from_chars(text_.data() + begin, last, first_cpu);
    int last_cpu = 0;
    if (read.ec == std::errc{} && read.ptr != last && *read.ptr == '-') {
      read = std::from_chars(read.ptr + 1, last, last_cpu);
    } else {
      last_cpu = first_cpu;
    }
    if (read.ec != std::errc{} || read.ptr != last || first_cpu < 0 || last_cpu < first_cpu ||
        last_cpu > kMostCpu) {
      fail("a CPU is a number from 0, a range two of them", begin, end);
    }
    const std::vector<int> known = compact_cpus(topology_);
    std::vector<int>& list = pinnings_.back().cpus;
    for (int cpu = first_cpu; cpu <= last_cpu; ++cpu) {
      if (std::find(known.begin(), known.end(), cpu) == known.end()) {
        fail("CPU " + std::to_string(cpu) + " is not ours to use", begin, end);
      }
      if (std::find(list.begin(), list.end(), cpu) != list.end()) {
        fail("CPU " + std::to_string(cpu) + " is in the list twice", begin, end);
      }
      list.push_back(cpu);
    }
  }

  std::string_view text_;
  const Topology& topology_;
  std::vector<Pinning> pinnings_;
  bool in_list_ = false;
};

}  // namespace

std::string pin_name(const Pinning& pinning) {
  for (const auto& [name, policy] : kNames) {
    if (policy == pinning.policy) return name;
  }
  std::string text(kListPrefix);
  for (const int cpu : pinning.cpus) {
    if (text.size() > kListPrefix.size()) text += ',';
    text += std::to_string(cpu);
  }
  return text;
}

Pinning resolve_pinning(PinPolicy policy, const Topology& topology) {
  Pinning pinning{policy, {}, {}};
  if (policy == PinPolicy::kNone || policy == PinPolicy::kCores) return pinning;
  if (policy == PinPolicy::kCompact) pinning.cpus = compact_cpus(topology);
  if (policy == PinPolicy::kSpread) pinning.cpus = spread_cpus(topology);
  if (policy == PinPolicy::kSmt) pinning.cpus = hardware_thread_cpus(topology);
  if (pinning.cpus == physical_core_cpus(topology)) {
    pinning.not_here =
        "not measurable here: this machine has " +
        std::string(policy == PinPolicy::kSpread ? "one NUMA node"
                                                 : "no second hardware thread on a core") +
        ", so the CPUs would be those of --pin cores";
  }
  return pinning;
}

std::vector<int> team_cpus(const Pinning& pinning, const std::vector<int>& cores,
                           unsigned threads) {
  const std::vector<int>& cpus = pinning.cpus.empty() ? cores : pinning.cpus;
  if (!pinning.pinned() || cpus.size() < threads) return {};
  return {cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(threads)};
}

std::vector<Pinning> parse_pinnings(std::string_view text, const Topology& topology) {
  return PinParser(text, topology).parse();
}

}  // namespace ryz
