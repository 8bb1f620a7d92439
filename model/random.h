// Counter-based random numbers: any part of a stream can be made by any thread.
#pragma once

#include <cstdint>

namespace ryz {

// The output function of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014): a bijection of 64 bits that passes the usual statistical tests.
constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Stream number `stream` of a seed.
class Random {
 public:
  constexpr Random(std::uint64_t seed, std::uint64_t stream)
      : state_(mix64(mix64(seed) ^ (stream * 0x9e3779b97f4a7c15u))) {}

  constexpr std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15u); }

  // About N(0, 1): twelve uniforms, no math library, so the same bits everywhere.
  constexpr double normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(next() >> 11) * 0x1p-53;
    return sum;
  }

 private:
  std::uint64_t state_;
};

}  // namespace ryz
