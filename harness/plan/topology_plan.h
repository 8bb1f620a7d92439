// Where teams would run on a machine that is described and not there: for each pinning and thread
// count the CPUs, by the rules of real runs. Planned, never measured.
#pragma once

#include <string>
#include <vector>

#include "harness/measure/topology.h"
#include "harness/plan/pinning.h"

namespace ryz {

struct PlannedTeam {
  unsigned threads = 1;
  std::vector<int> cpus;  // one a thread; empty: not pinned
  unsigned cores = 0;     // that those CPUs belong to
  unsigned nodes = 0;     // NUMA nodes, likewise
  std::string note;       // why it is not pinned; empty where it is, or is not meant to be
  std::string not_here;   // why this machine cannot measure it; empty where it can
};

struct PlannedPinning {
  Pinning pin;  // as resolved on the planned machine; its not_here is about that one
  std::vector<PlannedTeam> teams;
};

// `here`: the machine to measure on, which may run `here_cores` threads at once.
std::vector<PlannedPinning> plan_pinnings(const Topology& planned, const Topology& here,
                                          unsigned here_cores, const std::vector<Pinning>& pins,
                                          const std::vector<unsigned>& threads);

// Thread counts to plan where none are given: powers of two, all cores, all hardware threads.
std::vector<unsigned> usual_thread_counts(const Topology& planned, unsigned cores);

// The plan as a text of its own.
std::string plan_text(const std::string& description, const Topology& planned,
                      const std::vector<PlannedPinning>& plan, const Topology& here);

}  // namespace ryz
