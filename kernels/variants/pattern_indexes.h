// The working tables of the pattern encodings: which entries the activations select. SSE2 is part
// of every x86-64, so one version serves all instruction sets.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/bit_planes.h"
#include "kernels/encodings/pattern8.h"
#include "kernels/ternary.h"

namespace ryz {
namespace {

static_assert(kActivationBlock % (2 * kPattern8Cols) == 0, "two groups are always readable");

inline __m128i two_groups(const std::int8_t* q) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(q));
}

// Bit i of byte b of the result: bit 7 of activation 8b + i.
inline unsigned top_bits(__m128i v) { return static_cast<unsigned>(_mm_movemask_epi8(v)); }

// Each struct: bytes of indexes a group, and how to write two groups' at `index`, which points at
// the first group's (the padding makes room for a second one).
struct SignBits {
  static constexpr std::size_t kBytes = 1;
  static void fill(const std::int8_t* q, std::uint8_t* table, std::size_t g) {
    const unsigned signs = ~top_bits(two_groups(q));
    table[g] = static_cast<std::uint8_t>(signs);
    table[g + 1] = static_cast<std::uint8_t>(signs >> 8);
  }
};

struct FirstByte {
  static constexpr std::size_t kBytes = 1;
  static void fill(const std::int8_t* q, std::uint8_t* table, std::size_t g) {
    table[g] = static_cast<std::uint8_t>(q[0]);
    table[g + 1] = static_cast<std::uint8_t>(q[kPattern8Cols]);
  }
};

struct Planes {
  static constexpr std::size_t kBytes = kBitPlanes;
  static void fill(const std::int8_t* q, std::uint8_t* table, std::size_t g) {
    __m128i v = two_groups(q);
    std::uint8_t* block = table + g / kPattern8Block * kPattern8Block * kBitPlanes;
    for (std::size_t b = kBitPlanes; b-- > 0;) {
      const unsigned bits = top_bits(v);
      std::uint8_t* plane = block + b * kPattern8Block + g % kPattern8Block;
      plane[0] = static_cast<std::uint8_t>(bits);
      plane[1] = static_cast<std::uint8_t>(bits >> 8);
      v = _mm_add_epi8(v, v);  // the next lower bit to the top
    }
  }
};

// Indexes of groups [begin, end), [token][padded groups × kBytes]. Whoever builds the last group
// also fills the padding groups, with any index: all entries of their code are 0.
template <class Index>
void build_pattern_indexes(const Activations& activations, GroupRange groups, std::uint8_t* table) {
  if (groups.begin >= groups.end) return;
  const std::size_t all = (activations.cols + kPattern8Cols - 1) / kPattern8Cols;
  const std::size_t padded = pattern8_padded_groups(activations.cols);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    std::uint8_t* indexes = table + t * padded * Index::kBytes;
    if (groups.end == all) {
      // First, since the bytes of padding groups may lie between those of real ones. The last
      // block is all this range's: ranges start at multiples of kBuildAlign.
      const std::size_t last = all / kPattern8Block * kPattern8Block;
      for (std::size_t i = last * Index::kBytes; i < padded * Index::kBytes; ++i) indexes[i] = 0;
    }
    for (std::size_t g = groups.begin; g < groups.end; g += 2) {
      Index::fill(q + g * kPattern8Cols, indexes, g);
    }
  }
}

}  // namespace
}  // namespace ryz
