// The most multiply-adds a second that this CPU's vpdpbusd gives: what kernels are held against.
#pragma once

#include <cstddef>

#include "kernels/isa.h"

namespace ryz {

// What the CPU must have for vnni_peak_round().
extern const IsaSet kVnniPeakNeeds;

// Multiply-adds of one call of vnni_peak_round().
inline constexpr std::size_t kVnniPeakMacs = std::size_t{1} << 22;

// kVnniPeakMacs multiply-adds by vpdpbusd on 512-bit registers alone: no loads, and more
// independent sums than the instruction's latency needs. Returns a value that depends on all of
// them.
int vnni_peak_round() noexcept;

}  // namespace ryz
