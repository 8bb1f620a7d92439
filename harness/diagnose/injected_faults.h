// Faults put in on purpose, so that each verdict can be seen to fire. They change what is executed
// and nothing else: no request, no report, no rule. Only the command line and the runner's hook
// meet this file; the code that judges must not include it (scripts/lint checks).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/plan/cells.h"

namespace ryz {

// Those listed below and "none"; "extra-rows:PERCENT" is a real slowdown, for the power of
// comparisons.
std::vector<std::string> fault_names();

// What to execute for a request. Throws std::invalid_argument for an unknown name.
//   simd-off      the scalar kernel of the same encoding is called
//   lut-bitflip   one bit of a built table is wrong (kernels that build tables)
//   tail-bug      one too many where the columns are no multiple of 32
//   empty-kernel  returns without writing a result
//   race          calls that overlap in time disturb each other's first result
//   lock          every call waits for one mutex, and dawdles while it holds it
//   imbalance     one thread takes far longer for a row than the others
//   fine-grain    chunks of one iteration, each of which takes long to be handed out
//   false-sharing threads count rows in neighbouring words of one cache line
//   serial-part   before each product one thread works while the others wait
//   oversubscribe four times the threads
//   unpinned      threads are not pinned, and each call of a kernel begins on another CPU
//   extra-rows:P  multiplies P % of the rows twice
// The scheduling faults leave out cells whose control (CellSpec::control) is their verdict's code
// or "all": those go by another way. The one of false-sharing counts as often, in lines of its own.
std::function<CellSpec(const CellSpec&)> fault_execution(const std::string& name,
                                                         const Catalogue& catalogue);

}  // namespace ryz
