// Reading what tally_call() wrote: which instruction sets' code really ran, and how often.
#pragma once

#include <cstdint>
#include <map>

#include "kernels/isa.h"

namespace ryz {

// Calls since the process started, summed over threads, by the ISA of the file that ran.
// Key: IsaSet::bits. Exact once the threads that multiply are at rest.
std::map<std::uint32_t, std::uint64_t> called_isas();

// after − before, entries with no calls left out.
std::map<std::uint32_t, std::uint64_t> calls_between(
    const std::map<std::uint32_t, std::uint64_t>& before,
    const std::map<std::uint32_t, std::uint64_t>& after);

}  // namespace ryz
