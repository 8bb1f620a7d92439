// Facts about this machine and this binary, as reports hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/measure/topology.h"
#include "reports/report.h"

namespace ryz {

// Files are read below `root`; what is missing there is "unknown", 0 or empty. The usable ISA is
// read here too: mask first (kernels/cpu.h).
report::Machine read_machine(const Topology& topology, const std::string& root = "/");

// Twelve hex digits over the hard facts alone: equal keys are comparable machines.
std::string machine_key(const report::Machine::Hard& hard);

// Threads that can run at once: the physical cores, or fewer where a CPU quota allows less.
unsigned runnable_cores(const report::Machine& machine);

// Hardware threads that can be busy at once: those of the cpuset, or what a CPU quota allows.
double runnable_cpus(const report::Machine& machine);

// Memory that can be taken now: the machine's and the control group's, whichever is less; 0 where
// unknown.
std::uint64_t available_memory_bytes(const std::string& root = "/");

// How this binary was built, and from what.
report::Build build_facts();
report::Tool tool_facts(std::vector<std::string> argv);

// Empty where timings of this build mean something; otherwise why not, e.g. "built with
// sanitizers: address,undefined".
std::string why_not_timeable();

}  // namespace ryz
