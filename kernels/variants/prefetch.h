// Asking for a stream of codes before it is read.
#pragma once

#include <xmmintrin.h>

#include <cstddef>
#include <cstdint>

namespace ryz {
namespace {

// The cache line `ahead` bytes past `p`, which need not exist: prefetching faults nowhere. The sum
// is an integer's because an address past the object is no valid pointer.
inline const char* line_ahead(const void* p, std::size_t ahead) {
  const auto address = reinterpret_cast<std::uintptr_t>(p) + ahead;
  return reinterpret_cast<const char*>(address);  // NOLINT(performance-no-int-to-ptr)
}
inline void prefetch_line(const void* p, std::size_t ahead) {
  _mm_prefetch(line_ahead(p, ahead), _MM_HINT_T0);
}

// The same into the L2 cache, for what is not read soon.
inline void prefetch_l2(const void* p, std::size_t ahead) {
  _mm_prefetch(line_ahead(p, ahead), _MM_HINT_T1);
}

// For one token, which reads every code once, as one stream: in two steps, into the L2 cache from
// far and into the L1 from near. Kernels ask where follows_streams() is false: there prefetchers
// stop at each 4 KB page and start again late. One step, at 1, 2 or 4 KB, lost there, as did 32 and
// 64 KB ahead and 2 or 8 KB (two-bit-x32 and base3-x32, one and two threads). base3-x32, which
// decodes for longer between two loads than a core looks ahead, asks everywhere: on Zen 4, one
// thread, 16 to 64 KB and 2 to 6 KB were alike; 1 KB, or near alone, lost. Two, three or four tiles
// of two-bit-x32 at a time, a stream each, won nothing. AVX2 kernels ask everywhere, for the same
// reason: on a Zen 3 whose cores had busy siblings not asking lost, as did 512 B, 1 KB or 2 KB
// alone.
inline void prefetch_stream(const std::uint8_t* p) {
  prefetch_l2(p, 16384);
  prefetch_line(p, 4096);
}

}  // namespace
}  // namespace ryz
