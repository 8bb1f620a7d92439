// What the kernels of signed-triple-x64 share of their tables.
//
// In registers an entry is T = 31·high + low, a signed byte each: |low| ≤ 15 and |high| ≤ 12 for
// |T| ≤ 384. Sums of the eight lookups of a unit are at most 120 and 96, so both stay bytes;
// vpmaddubsw puts them together again.
//
// Ranges. A unit adds at most 8·384 = 3072 to an int16 lane: ten units reach 30720.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/signed_triple_x64.h"
#include "kernels/ternary.h"

namespace ryz {
namespace {

constexpr std::size_t kUnitsBeforeWidening = 10;
constexpr int kHigh = 31;
constexpr int kInverseOfHigh = 1057;  // 2^15 / 31, rounded

// What vpmulhrsw by kInverseOfHigh makes of T.
constexpr int high_of(int t) { return (t * kInverseOfHigh + (1 << 14)) >> 15; }

constexpr bool parts_are_small() {
  constexpr int kMost = 3 * 128;
  for (int t = -kMost; t <= kMost; ++t) {
    const int low = t - kHigh * high_of(t);
    if (low < -15 || low > 15 || high_of(t) < -12 || high_of(t) > 12) return false;
  }
  return true;
}
static_assert(parts_are_small() && kSignedTriplesOfUnit * 15 <= 127);
static_assert(kUnitsBeforeWidening * kSignedTriplesOfUnit * 3 * 128 <= 32767);

// w + 1 of kNumbers numbers: 0 .. 13 and two that are never looked up, then their opposites.
// Weights 0 and 1 together, and weight 2 beside nothing: operands of vpmaddubsw.
template <int kNumbers>
struct alignas(64) WeightsOfNumbers {
  std::uint8_t first[2 * kNumbers];
  std::uint8_t last[2 * kNumbers];
  constexpr WeightsOfNumbers() : first{}, last{} {
    for (int i = 0; i < kNumbers; ++i) {
      const int magnitude = i % 16 < static_cast<int>(kSignedTripleEntries) ? i % 16 : 0;
      const int number = i < 16 ? magnitude : -magnitude;
      first[2 * i] = static_cast<std::uint8_t>(signed_triple_weight(number, 0) + 1);
      first[2 * i + 1] = static_cast<std::uint8_t>(signed_triple_weight(number, 1) + 1);
      last[2 * i] = static_cast<std::uint8_t>(signed_triple_weight(number, 2) + 1);
    }
  }
};

// fill(q, i) for the triples of every token: q points at three activations and one more readable
// byte, and table i of all tokens' is theirs. Whoever is handed the last triple also gets the
// padding up to a whole unit.
template <class Fill>
inline void for_each_triple(const Activations& activations, GroupRange triples, Fill fill) {
  const std::size_t cols = activations.cols;
  const std::size_t readable = round_up(cols, kActivationBlock);
  const std::size_t all = signed_triple_units(cols) * kSignedTriplesOfUnit;
  const bool last = triples.end * kSignedTripleCols >= cols && triples.begin < triples.end;
  const std::size_t end = last ? all : triples.end;
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* const q = activations.q + t * activations.stride;
    std::size_t i = triples.begin;
    for (; i < end && i * kSignedTripleCols + 4 <= readable; ++i) {
      fill(q + i * kSignedTripleCols, t * all + i);
    }
    for (; i < end; ++i) {
      std::int8_t some[4] = {};
      for (std::size_t k = i * kSignedTripleCols, j = 0; j < kSignedTripleCols && k + j < cols;
           ++j) {
        some[j] = q[k + j];
      }
      fill(some, t * all + i);
    }
  }
}

}  // namespace
}  // namespace ryz
