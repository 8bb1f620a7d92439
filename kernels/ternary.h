// The operands of a ternary product y = W·x, as views: W in {-1, 0, +1}, x in int8, y in int32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

// Half-open ranges over rows of W, and over column groups of an encoding.
struct RowRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};
struct GroupRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Every activation row is readable, and zero beyond `cols`, up to the next multiple of this many
// bytes: kernels may work in whole blocks of columns and need no tail of their own.
inline constexpr std::size_t kActivationBlock = 256;

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// int8 activations of a batch, one row a token. Rows need no alignment.
struct Activations {
  const std::int8_t* q = nullptr;  // [tokens][stride]
  std::size_t stride = 0;          // bytes from one token to the next, ≥ round_up(cols, 256)
  std::size_t tokens = 0;
  std::size_t cols = 0;                // K
  const std::int32_t* sums = nullptr;  // [tokens], Σ q: for encodings that store w + 1
};

}  // namespace ryz
