// Reading memory and doing nothing else, as fast as one thread can: what a kernel that streams its
// weights is measured against.
#pragma once

#include <xmmintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ryz {

inline constexpr std::size_t kLineWords = 8;

// How far ahead a reader asks for lines. None of these is the fastest everywhere: an Emerald
// Rapids, whose prefetchers stop at each page, gains by kPages; a Zen 3 whose cores have busy
// siblings gains by kNear and nothing by kPages. So all are tried, and the fastest is the roof.
enum class Ahead : std::uint8_t {
  kNothing,
  kNear,   // 512 bytes
  kPages,  // 4 KB into the L1 cache and 16 KB into the L2, as kernels do
};
inline constexpr Ahead kAheads[] = {Ahead::kNothing, Ahead::kNear, Ahead::kPages};

template <std::size_t kL1Bytes, std::size_t kL2Bytes>
inline std::uint64_t sum_lines_asking(const std::uint64_t* words, std::size_t n) {
  constexpr std::size_t kMost = std::max(kL1Bytes, kL2Bytes) / sizeof *words;
  std::uint64_t sum = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < n; i += kLineWords) {
    if (kMost != 0 && i + kMost < n) {
      const auto* line = reinterpret_cast<const char*>(words + i);
      if constexpr (kL1Bytes != 0) _mm_prefetch(line + kL1Bytes, _MM_HINT_T0);
      if constexpr (kL2Bytes != 0) _mm_prefetch(line + kL2Bytes, _MM_HINT_T1);
    }
    sum += words[i] + words[i + kLineWords / 2];
  }
  return sum;
}

// The sum of the first words of both halves of each cache line of `n` words, a whole number of
// lines: memory moves lines. With one word a line a Zen 4's prefetchers left a tenth of its
// bandwidth unused, and in another such loop a third. Loading all of a line by 16 bytes, the
// baseline's most, was tried: where a core's sibling is busy those instructions take longer than
// the memory.
inline constexpr std::size_t kWordsSummed = 2;  // of a line
inline std::uint64_t sum_lines(const std::uint64_t* words, std::size_t n, Ahead ahead) {
  switch (ahead) {
    case Ahead::kNothing:
      return sum_lines_asking<0, 0>(words, n);
    case Ahead::kNear:
      return sum_lines_asking<512, 0>(words, n);
    case Ahead::kPages:
      break;
  }
  return sum_lines_asking<4096, 16384>(words, n);
}

}  // namespace ryz
