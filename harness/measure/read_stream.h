// Reading memory and doing nothing else, as fast as one thread can: what a kernel that streams its
// weights is measured against.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

namespace ryz {

// The sum of `n` words (a whole number of cache lines, aligned to one), in their order. `ask`: for
// lines ahead, in two steps as kernels do, where follows_streams() (kernels/cpu.h) is false: what
// is read without is less than kernels get there, and no roof. Loads are of the baseline's 16
// bytes: a core waits for memory longer than for those.
inline std::uint64_t sum_stream(const std::uint64_t* words, std::size_t n, bool ask) {
  constexpr std::size_t kLineWords = 8;
  constexpr std::size_t kNearWords = 4096 / sizeof(std::uint64_t);
  constexpr std::size_t kFarWords = 16384 / sizeof(std::uint64_t);
  __m128i sums[4] = {};
  for (std::size_t i = 0; i < n; i += kLineWords) {
    if (ask && i + kFarWords < n) {
      _mm_prefetch(reinterpret_cast<const char*>(words + i + kNearWords), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(words + i + kFarWords), _MM_HINT_T1);
    }
    const auto* line = reinterpret_cast<const __m128i*>(words + i);
    for (std::size_t k = 0; k < 4; ++k) sums[k] = _mm_add_epi64(sums[k], _mm_load_si128(line + k));
  }
  alignas(16) std::uint64_t sum[2];
  _mm_store_si128(reinterpret_cast<__m128i*>(sum),
                  _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]), _mm_add_epi64(sums[2], sums[3])));
  return sum[0] + sum[1];
}

}  // namespace ryz
