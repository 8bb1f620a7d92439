#include "harness/measure/reference_work.h"

#include <emmintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFactors = 65536;  // of 16 bits, twice: 256 KiB, of the second cache
constexpr std::size_t kPasses = 400;

std::uint64_t nanoseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

// As fast as the core multiplies 16 bytes at a time from its second cache: what else uses its
// vector units and its caches (a neighbour on the same physical core, most of all) slows this down
// as it slows kernels down. Tried before: chains of scalar multiplications, and the same work from
// the first cache, felt a third of what kernels did. Intrinsics of the baseline, so that every
// build of the harness measures the same instructions.
std::uint64_t multiply_adds(std::uint64_t seed) {
  alignas(64) std::int16_t a[kFactors];
  alignas(64) std::int16_t b[kFactors];
  for (std::size_t i = 0; i < kFactors; ++i) {
    a[i] = static_cast<std::int16_t>((seed + i * 7) & 0xff);
    b[i] = static_cast<std::int16_t>((seed + i * 13) & 0xff);
  }
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kChains = 8;
  __m128i sum[kChains] = {};
  const auto* x = reinterpret_cast<const __m128i*>(a);
  const auto* y = reinterpret_cast<const __m128i*>(b);
  for (std::size_t pass = 0; pass < kPasses; ++pass) {
    for (std::size_t i = 0; i < kFactors / kLanes; i += kChains) {
      for (std::size_t k = 0; k < kChains; ++k) {
        const __m128i product =
            _mm_madd_epi16(_mm_load_si128(x + i + k), _mm_load_si128(y + i + k));
        sum[k] = _mm_add_epi32(sum[k], product);
      }
    }
    // Each pass depends on the one before, or a compiler does it once.
    a[pass % kFactors] = static_cast<std::int16_t>(_mm_cvtsi128_si32(sum[0]) & 0xff);
  }
  __m128i all = sum[0];
  for (std::size_t k = 1; k < kChains; ++k) all = _mm_xor_si128(all, sum[k]);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(all));
}

std::uint64_t read_words(const std::uint64_t* words, std::size_t n) {
  std::uint64_t s[8] = {};
  for (std::size_t i = 0; i + 8 <= n; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) s[k] += words[i + k];
  }
  return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
}

}  // namespace

ReferenceWork::ReferenceWork(std::size_t bytes)
    : buffer_(std::max(bytes / kWindowBytes, std::size_t{1}) * kWindowBytes) {
  std::memset(buffer_.data(), 1, buffer_.size());
}

std::uint64_t ReferenceWork::compute(Team& team) {
  std::atomic<std::uint64_t> sum{sum_};
  const auto start = Clock::now();
  team.run([&](Worker& worker) {
    sum.fetch_xor(multiply_adds(sum_ + worker.index()), std::memory_order_relaxed);
  });
  const std::uint64_t ns = nanoseconds_since(start);
  sum_ = sum.load();
  return ns;
}

std::uint64_t ReferenceWork::memory(Team& team) {
  const std::size_t windows = buffer_.size() / kWindowBytes;
  const std::size_t first = window_;
  window_ = (window_ + team.size()) % windows;
  std::atomic<std::uint64_t> sum{0};
  const auto start = Clock::now();
  team.run([&](Worker& worker) {
    const std::size_t window = (first + worker.index()) % windows;
    const auto* words = buffer_.as<std::uint64_t>() + window * (kWindowBytes / 8);
    sum.fetch_add(read_words(words, kWindowBytes / 8), std::memory_order_relaxed);
  });
  const std::uint64_t ns = nanoseconds_since(start);
  sum_ += sum.load();
  return ns;
}

ReferenceTimes ReferenceWork::measure(Team& team) {
  team.run([](Worker&) {});  // threads that slept wake outside the clock
  ReferenceTimes times;
  times.compute_ns = compute(team);
  times.memory_ns = memory(team);
  return times;
}

unsigned ReferenceWork::spin_up(Team& team, double most_s) {
  const auto start = Clock::now();
  std::uint64_t before = compute(team);
  unsigned runs = 1;
  while (std::chrono::duration<double>(Clock::now() - start).count() < most_s) {
    const std::uint64_t now = compute(team);
    ++runs;
    const double ratio = static_cast<double>(now) / static_cast<double>(before);
    if (ratio > 0.98 && ratio < 1.02) break;
    before = now;
  }
  return runs;
}

}  // namespace ryz
