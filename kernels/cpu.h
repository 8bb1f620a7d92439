// What this machine allows: CPUID, the OS's saved register state, and the user's mask.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/isa.h"

namespace ryz {

// Extensions the CPU reports (CPUID leaf 1 and 7).
IsaSet cpu_isa();

// Extensions whose registers the OS saves (XGETBV): without this an AVX-512 instruction faults
// even on a CPU that has it.
IsaSet os_isa();

// cpu_isa ∩ os_isa − mask_isa. The only set that dispatch may look at.
IsaSet usable_isa();

// Takes extensions away for the rest of the process, with everything that needs them
// (masking avx512f masks every avx512*). Masking only removes; it never adds.
void mask_isa(IsaSet masked);
IsaSet masked_isa();

// What kernels choose by where instruction sets do not decide: AMD's cores from Zen 5 on, AMD's
// earlier ones, and all others, which are taken to be like Intel's.
enum class Core { kOther, kBeforeZen5, kZen5 };
Core core();

constexpr bool contains(IsaSet set, IsaSet subset) {
  return (set.bits & subset.bits) == subset.bits;
}
constexpr IsaSet minus(IsaSet a, IsaSet b) { return {a.bits & ~b.bits}; }

// Names in CPUID's spelling, e.g. {"avx2", "avx512f"}; the empty set is the SSE2 baseline.
std::vector<std::string> isa_names(IsaSet set);
std::string isa_text(IsaSet set);  // "avx2 fma", or "baseline" for the empty set

// One extension by name; an empty set and `false` where the name is unknown.
bool parse_isa(std::string_view name, IsaSet* out);

// The masked set closed over dependence: avx512f takes all avx512*, avx2 takes fma and avx512*.
IsaSet with_dependents(IsaSet set);

}  // namespace ryz
