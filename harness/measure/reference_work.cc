#include "harness/measure/reference_work.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMultiplies = 900000;  // of each of eight chains

// Read whole, by whoever is free: two threads do not get equal shares of the memory, and one that
// waits for the other reads nothing.
constexpr std::size_t kPieceBytes = std::size_t{512} << 10;
constexpr std::size_t kPieces = ReferenceWork::kWindowBytes / kPieceBytes;

std::uint64_t nanoseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

// Eight independent linear congruences hide the multiplication's latency, as kernels do. Registers
// only: this is also what clocks are read by. A neighbour on the same physical core slows it less
// than kernels, which share more with him; vector multiplications from the first and second cache
// were tried and followed kernels no more surely, and were no clock any more.
std::uint64_t multiply_adds(std::uint64_t seed) {
  std::uint64_t x[8];
  for (std::size_t k = 0; k < 8; ++k) x[k] = seed + k;
  for (std::size_t i = 0; i < kMultiplies; ++i) {
    for (std::uint64_t& v : x) v = v * 6364136223846793005U + 1442695040888963407U;
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t v : x) sum ^= v;
  return sum;
}

}  // namespace

ReferenceWork::ReferenceWork(std::size_t bytes)
    : buffer_(std::max(bytes / kWindowBytes, std::size_t{1}) * kWindowBytes) {
  std::memset(buffer_.data(), 1, buffer_.size());
  ahead_ = fastest_ahead();
}

// By three rounds on the calling thread.
Ahead ReferenceWork::fastest_ahead() {
  constexpr std::size_t kWords = kWindowBytes / sizeof(std::uint64_t);
  const std::size_t windows = buffer_.size() / kWindowBytes;
  Ahead best = kAheads[0];
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t sum = 0;
  std::size_t window = 0;
  for (int round = 0; round < 3; ++round) {
    for (const Ahead ahead : kAheads) {
      const auto start = Clock::now();
      sum += sum_lines(buffer_.as<std::uint64_t>() + window * kWords, kWords, ahead);
      const std::uint64_t ns = nanoseconds_since(start);
      window = (window + 1) % windows;
      if (ns < least) {
        least = ns;
        best = ahead;
      }
    }
  }
  sum_ += sum;
  return best;
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
  const std::size_t first = window_ * kPieces;
  window_ = (window_ + team.size()) % windows;
  std::atomic<std::uint64_t> sum{0};
  const auto start = Clock::now();
  team.run([&](Worker& worker) {
    worker.loop(
        kPieces * team.size(), {LoopKind::kDynamic, 1}, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t piece = (first + i) % (kPieces * windows);
            const auto* words = buffer_.as<std::uint64_t>() + piece * (kPieceBytes / 8);
            sum.fetch_add(sum_lines(words, kPieceBytes / 8, ahead_), std::memory_order_relaxed);
          }
        });
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
