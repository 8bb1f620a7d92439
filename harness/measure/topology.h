// The cores this process may run on, as hwloc sees them: plain data once read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz {

class Topology {
 public:
  struct Core {
    std::vector<int> cpus;    // OS numbers of the hardware threads we may use; never empty
    bool performance = true;  // false for the lesser kind of a hybrid CPU
    unsigned node = 0;        // its NUMA node, counted over those we may use
  };

  // This machine, cut to the calling process's affinity: read it before any thread is pinned.
  // Where hwloc fails, every CPU of the affinity mask counts as a core.
  static Topology of_machine();

  // hwloc's synthetic descriptions, e.g. "pack:2 numa:2 core:4 pu:2", cut to `allowed` OS CPU
  // numbers (empty: all). Throws std::invalid_argument.
  static Topology synthetic(const std::string& description, const std::vector<int>& allowed = {});

  const std::vector<Core>& cores() const { return cores_; }  // in the machine's order
  unsigned physical_cores() const { return static_cast<unsigned>(cores_.size()); }
  unsigned performance_cores() const;
  unsigned hardware_threads() const;
  bool smt() const;  // some core has two hardware threads we may use
  unsigned numa_nodes() const { return numa_nodes_; }

  // Data caches above the first core, one a level, smallest level first.
  const std::vector<report::Cache>& caches() const { return caches_; }
  std::uint64_t llc_bytes() const;                                    // one last-level cache
  std::uint64_t llc_total_bytes() const { return llc_total_bytes_; }  // all that our cores use

 private:
  friend class TopologyReader;

  std::vector<Core> cores_;
  std::vector<report::Cache> caches_;
  std::uint64_t llc_total_bytes_ = 0;
  unsigned numa_nodes_ = 1;
};

// One hardware thread for each physical core, in core order: what pinned teams run on.
std::vector<int> physical_core_cpus(const Topology& topology);

// All hardware threads, the first of every core before the second of any.
std::vector<int> hardware_thread_cpus(const Topology& topology);

// This machine, read at the first call (make that one early; see of_machine).
const Topology& machine_topology();
unsigned physical_cores();

}  // namespace ryz
