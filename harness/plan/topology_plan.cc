#include "harness/plan/topology_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ryz {
namespace {

std::string counted(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string machine_text(const Topology& t) {
  return counted(t.physical_cores(), "core") + ", " +
         counted(t.hardware_threads(), "hardware thread") + ", " +
         counted(t.numa_nodes(), "NUMA node");
}

void count_places(const Topology& planned, PlannedTeam& team) {
  std::set<unsigned> nodes;
  for (const Topology::Core& core : planned.cores()) {
    const bool used = std::any_of(core.cpus.begin(), core.cpus.end(), [&](int cpu) {
      return std::find(team.cpus.begin(), team.cpus.end(), cpu) != team.cpus.end();
    });
    if (!used) continue;
    ++team.cores;
    nodes.insert(core.node);
  }
  team.nodes = static_cast<unsigned>(nodes.size());
}

// What keeps this machine from measuring the team.
std::string missing_here(const Topology& planned, const Topology& here, unsigned here_cores,
                         const Pinning& pin, const PlannedTeam& team) {
  if (pin.policy == PinPolicy::kList) {
    const std::vector<int> known = hardware_thread_cpus(here);
    for (const int cpu : team.cpus) {
      if (std::find(known.begin(), known.end(), cpu) == known.end()) {
        return fmt::format("this machine has no CPU {} for us", cpu);
      }
    }
  }
  if (team.cores < team.cpus.size() && !here.smt()) {
    return "this machine has no second hardware thread on a core";
  }
  if (team.nodes > here.numa_nodes()) {
    return "this machine has " + counted(here.numa_nodes(), "NUMA node");
  }
  if (team.threads > here_cores && team.threads <= planned.hardware_threads()) {
    return "this machine runs " + counted(here_cores, "thread") + " at once";
  }
  return {};
}

}  // namespace

std::vector<PlannedPinning> plan_pinnings(const Topology& planned, const Topology& here,
                                          unsigned here_cores, const std::vector<Pinning>& pins,
                                          const std::vector<unsigned>& threads) {
  const std::vector<int> cores = physical_core_cpus(planned);
  std::vector<PlannedPinning> plan;
  for (const Pinning& pin : pins) {
    PlannedPinning of_pin{pin, {}};
    for (const unsigned n : threads) {
      PlannedTeam team;
      team.threads = n;
      team.cpus = team_cpus(pin, cores, n);
      if (team.cpus.empty() && pin.pinned()) {
        team.note = "not pinned: --pin " + pin_name(pin) + " has fewer CPUs";
      }
      count_places(planned, team);
      team.not_here = missing_here(planned, here, here_cores, pin, team);
      of_pin.teams.push_back(std::move(team));
    }
    plan.push_back(std::move(of_pin));
  }
  return plan;
}

std::vector<unsigned> usual_thread_counts(const Topology& planned, unsigned cores) {
  std::set<unsigned> counts{cores, std::max(cores, planned.hardware_threads())};
  // With a quota below the cores, more threads than it allows are not usual.
  if (cores < planned.physical_cores()) counts = {cores};
  for (unsigned n = 1; n < cores; n *= 2) counts.insert(n);
  return {counts.begin(), counts.end()};
}

std::string plan_text(const std::string& description, const Topology& planned,
                      const std::vector<PlannedPinning>& plan, const Topology& here) {
  std::string text = fmt::format("planned   {}: {}\n", description, machine_text(planned));
  text += fmt::format("here      {}\n", machine_text(here));
  text += "Nothing was run: these are the CPUs that threads would be pinned to, in their order.\n";
  for (const PlannedPinning& p : plan) {
    text += fmt::format("\n--pin {}\n", pin_name(p.pin));
    if (!p.pin.not_here.empty()) {
      text += "  on the planned machine the same CPUs as --pin cores\n";
    }
    text += fmt::format("  {:>7} {:>5} {:>5}  CPUs\n", "threads", "cores", "nodes");
    for (const PlannedTeam& team : p.teams) {
      const bool placed = !team.cpus.empty();
      text += fmt::format("  {:>7} {:>5} {:>5}  {}\n", team.threads,
                          placed ? std::to_string(team.cores) : "-",
                          placed ? std::to_string(team.nodes) : "-",
                          placed              ? fmt::format("{}", fmt::join(team.cpus, ","))
                          : team.note.empty() ? "wherever the system puts them"
                                              : team.note);
      if (!team.not_here.empty()) {
        text += fmt::format("{:23}not measurable here: {}\n", "", team.not_here);
      }
    }
  }
  return text;
}

}  // namespace ryz
