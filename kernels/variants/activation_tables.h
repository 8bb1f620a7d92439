// Builds the tables of `quint`, `quad`, `triple` and `pair`, and the working tables of the pattern
// encodings, from activations: plain loops of constant length, which the compiler turns into the
// including file's own instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ternary.h"

namespace ryz {
namespace {

// Weight i of code l, as numbers of 16 bits for one register a row; 0 past the codes.
template <int kCols, int kLanes>
struct Weights {
  std::int16_t of[kCols][kLanes];

  constexpr Weights() : of{} {
    int codes = 1;
    for (int i = 0; i < kCols; ++i) codes *= 3;
    int power = 1;
    for (int i = 0; i < kCols; ++i) {
      for (int l = 0; l < codes; ++l) of[i][l] = static_cast<std::int16_t>(l / power % 3 - 1);
      power *= 3;
    }
  }
};

constexpr Weights<3, 32> kThreeWeights;
constexpr Weights<2, 16> kTwoWeights;

// entries[l] = Σ w_i(l)·q_i of three weights; lanes 27-31 are 0.
inline void sums_of_three(const std::int8_t* q, std::int16_t (&entries)[32]) {
  for (int l = 0; l < 32; ++l) {
    entries[l] =
        static_cast<std::int16_t>(q[0] * kThreeWeights.of[0][l] + q[1] * kThreeWeights.of[1][l] +
                                  q[2] * kThreeWeights.of[2][l]);
  }
}

struct TripleTable {
  static constexpr std::size_t kCols = 3;
  static constexpr std::size_t kStride = 32;
  static void fill(const std::int8_t* q, std::int16_t* table) {
    std::int16_t entries[32];
    sums_of_three(q, entries);
    for (int l = 0; l < 32; ++l) table[l] = entries[l];
  }
};

struct QuadTable {
  static constexpr std::size_t kCols = 4;
  static constexpr std::size_t kStride = 128;
  // Three copies of the sums of the first three, as in QuintTable: entries 0..85 are written.
  static void fill(const std::int8_t* q, std::int16_t* table) {
    std::int16_t entries[32];
    sums_of_three(q, entries);
    for (int high = 0; high < 3; ++high) {
      const auto sum = static_cast<std::int16_t>((high - 1) * q[3]);
      for (int l = 0; l < 32; ++l) {
        table[27 * high + l] = static_cast<std::int16_t>(entries[l] + sum);
      }
    }
  }
};

struct QuintTable {
  static constexpr std::size_t kCols = 5;
  static constexpr std::size_t kStride = 256;
  // Nine copies of the sums of the first three, each plus one sum of the last two. A copy writes
  // 32 entries, the five too many are the next one's: entries 0..247 are written.
  static void fill(const std::int8_t* q, std::int16_t* table) {
    std::int16_t entries[32];
    sums_of_three(q, entries);
    for (int high = 0; high < 9; ++high) {
      const auto sum = static_cast<std::int16_t>((high % 3 - 1) * q[3] + (high / 3 - 1) * q[4]);
      for (int l = 0; l < 32; ++l) {
        table[27 * high + l] = static_cast<std::int16_t>(entries[l] + sum);
      }
    }
  }
};

struct PairTable {
  static constexpr std::size_t kCols = 2;
  static constexpr std::size_t kStride = 16;
  static void fill(const std::int8_t* q, std::int16_t* table) {
    for (int l = 0; l < 16; ++l) {
      table[l] =
          static_cast<std::int16_t>(q[0] * kTwoWeights.of[0][l] + q[1] * kTwoWeights.of[1][l]);
    }
  }
};

// Tables of groups [begin, end), [token][padded_groups][Table::kStride]. Whoever builds the last
// group also fills the padding groups, which nobody is handed, with zeros.
template <class Table>
void build_activation_tables(const Activations& activations, GroupRange groups,
                             std::size_t padded_groups, std::int16_t* table) {
  if (groups.begin >= groups.end) return;
  const std::size_t whole = activations.cols / Table::kCols;
  const std::size_t all = (activations.cols + Table::kCols - 1) / Table::kCols;
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    std::int16_t* token_table = table + t * padded_groups * Table::kStride;
    const std::size_t end = groups.end < whole ? groups.end : whole;
    for (std::size_t g = groups.begin; g < end; ++g) {
      Table::fill(q + g * Table::kCols, token_table + g * Table::kStride);
    }
    if (groups.end < all) continue;
    if (whole < all) {
      // The short group: its columns past K may lie past the readable activations.
      std::int8_t tail[Table::kCols] = {};
      for (std::size_t i = 0; whole * Table::kCols + i < activations.cols; ++i) {
        tail[i] = q[whole * Table::kCols + i];
      }
      Table::fill(tail, token_table + whole * Table::kStride);
    }
    for (std::size_t i = all * Table::kStride; i < padded_groups * Table::kStride; ++i) {
      token_table[i] = 0;
    }
  }
}

}  // namespace
}  // namespace ryz
