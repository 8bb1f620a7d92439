// Reading memory and doing nothing else, as fast as one thread can: what a kernel that streams its
// weights is measured against.
#pragma once

#include <xmmintrin.h>

#include <cstddef>
#include <cstdint>

namespace ryz {

inline constexpr std::size_t kLineWords = 8;

// The sum of the first word of each cache line of `n` words, a whole number of lines: memory moves
// lines. Loading all of a line by 16 bytes, the baseline's most, was tried: where a core's sibling
// is busy those instructions take longer than the memory. `ask`: for lines ahead, in two steps as
// kernels do, where follows_streams() (kernels/cpu.h) is false: what is read without is less than
// kernels get there, and no roof.
inline std::uint64_t sum_lines(const std::uint64_t* words, std::size_t n, bool ask) {
  constexpr std::size_t kNearWords = 4096 / sizeof(std::uint64_t);
  constexpr std::size_t kFarWords = 16384 / sizeof(std::uint64_t);
  std::uint64_t sum = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < n; i += kLineWords) {
    if (ask && i + kFarWords < n) {
      _mm_prefetch(reinterpret_cast<const char*>(words + i + kNearWords), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(words + i + kFarWords), _MM_HINT_T1);
    }
    sum += words[i];
  }
  return sum;
}

}  // namespace ryz
