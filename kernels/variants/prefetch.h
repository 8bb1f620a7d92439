// Asking for a stream of codes before it is read.
#pragma once

#include <xmmintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu.h"

namespace ryz {
namespace {

// Into which cache a kernel that reads its codes once, as one stream, asks for those to come.
enum class Prefetch { kNone, kIntoL2, kIntoL1 };

// What this CPU gains by, tried with one thread. Intel's prefetchers stop at each 4 KB page: asking
// for the L2 cache won on Sapphire, Emerald and Granite Rapids. On Zen 4 asking only took load
// slots. On Zen 5 asking for the L1 cache won from the L3 cache and from memory, and asking for the
// L2 cache lost from the L3 cache.
inline Prefetch stream_prefetch() {
  switch (core()) {
    case Core::kZen5:
      return Prefetch::kIntoL1;
    case Core::kBeforeZen5:
      return Prefetch::kNone;
    case Core::kOther:
      break;
  }
  return Prefetch::kIntoL2;
}

// The cache line `ahead` bytes past `p`, which need not exist: prefetching faults nowhere. The sum
// is an integer's because an address past the object is no valid pointer.
inline const char* line_ahead(const void* p, std::size_t ahead) {
  const auto address = reinterpret_cast<std::uintptr_t>(p) + ahead;
  return reinterpret_cast<const char*>(address);  // NOLINT(performance-no-int-to-ptr)
}
// Into the L2 cache, for what is not read soon.
inline void prefetch_l2(const void* p, std::size_t ahead) {
  _mm_prefetch(line_ahead(p, ahead), _MM_HINT_T1);
}
// For what is read in some hundred cycles, once: into the L1 cache past the others, but where
// streams are asked into the L2 cache. On Zen 4 asking that for them was no better than not asking.
inline void prefetch_soon(const void* p, std::size_t ahead, Prefetch stream) {
  if (stream == Prefetch::kIntoL2) {
    prefetch_l2(p, ahead);
  } else {
    _mm_prefetch(line_ahead(p, ahead), _MM_HINT_NTA);
  }
}

// For one token, which reads every code once, as one stream: asks for the line kFarAhead past the
// one at `line`. AVX-512 kernels and the head do as stream_prefetch() says; base3-x32's does
// as certain_prefetch() does, and all AVX2 kernels ask for the L2 cache: they do more between two
// loads than a core looks ahead over, and on a Zen 3 whose cores had busy siblings not asking lost.
//
// Kernels load a line, ask for the one ahead, do the line's arithmetic, and only then go on to the
// next line. Neighbours at once hold each other up: on a Granite Rapids two-bit-x32 was slowest
// where it loaded both lines of a group first, faster where other instructions stood between the
// requests for them, and fastest line by line (experiments/010-peers.md). Hence the asm: it needs
// `value` as it is before the place, and what comes after needs it, so that the compiler cannot
// move it, as it does _mm_prefetch.
//
// With requests so apart a second step, from the L2 into the L1 cache from 512 B to 4 KB ahead, won
// nothing more on Intel, and base3-x32 lost by it. 8 to 32 KB were alike, 4 KB lost with base3-x32;
// the nearest of these reads the least past a chunk's end. Asking for the second line first lost,
// as did every other line alone, and near alone (0.5 to 4 KB). Two, three or four tiles of
// two-bit-x32 at a time, a stream each, won nothing.
constexpr std::size_t kFarAhead = 8192;

// For streams that are not one piece: the line is the caller's.
template <Prefetch kAsk = Prefetch::kIntoL2, class Vector>
inline void ask_for(const char* line, Vector& value) {
  if constexpr (kAsk == Prefetch::kIntoL1) {
    asm volatile("prefetcht0 %1" : "+v"(value) : "m"(*line));
  } else if constexpr (kAsk == Prefetch::kIntoL2) {
    asm volatile("prefetcht1 %1" : "+v"(value) : "m"(*line));
  }
}
template <Prefetch kAsk = Prefetch::kIntoL2, class Vector>
inline void ask_ahead(const std::uint8_t* line, Vector& value) {
  ask_for<kAsk>(line_ahead(line, kFarAhead), value);
}

// run(ask), where decltype(ask)::value is `prefetch` as a constant.
template <class Run>
inline auto with_prefetch(Prefetch prefetch, const Run& run) {
  switch (prefetch) {
    case Prefetch::kIntoL1:
      return run(std::integral_constant<Prefetch, Prefetch::kIntoL1>{});
    case Prefetch::kIntoL2:
      return run(std::integral_constant<Prefetch, Prefetch::kIntoL2>{});
    case Prefetch::kNone:
      break;
  }
  return run(std::integral_constant<Prefetch, Prefetch::kNone>{});
}

// For kernels that gain by asking on every core.
inline Prefetch certain_prefetch() {
  const Prefetch best = stream_prefetch();
  return best == Prefetch::kNone ? Prefetch::kIntoL2 : best;
}

// What comes after reads p, and cannot before `value` is there.
template <class Vector>
inline void go_on_after(const Vector& value, const std::uint8_t*& p) {
  asm("" : "+r"(p) : "v"(value));
}

}  // namespace
}  // namespace ryz
