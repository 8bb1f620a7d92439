// The most multiply-adds a second that this CPU's int8 instructions give on vector registers: what
// kernels are held against.
#pragma once

#include <cstddef>

#include "kernels/isa.h"

namespace ryz {

// Multiply-adds of one call of MultiplyPeak::round.
inline constexpr std::size_t kPeakMacs = std::size_t{1} << 22;

struct MultiplyPeak {
  const char* instructions;  // what is timed, and the bits of its registers
  IsaSet needs;
  // kPeakMacs multiply-adds on registers alone: no loads, and more independent sums than the
  // latency needs. Each is 1·-1; returns their sum.
  int (*round)() noexcept;
};

// vpdpbusd on 512-bit registers.
extern const MultiplyPeak peak_avx512_vnni;
// vpmaddubsw and the addition that each product needs, on 256-bit registers.
extern const MultiplyPeak peak_avx2;

// The first of these that the CPU has and no mask forbids; null where there is none.
const MultiplyPeak* usable_peak();

}  // namespace ryz
