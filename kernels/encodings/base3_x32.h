// `base3-x32`: five weights a byte (1.6 bits a weight), 32 rows interleaved, no table: codes become
// two-bit fields in registers. A tile of 32 rows is ceil(K / 20) column groups of 128 bytes; bytes
// 4r..4r+3 of group g belong to row r, and byte b there holds digits x_f = w + 1 of the weights
// k = 20g + 4f + b, f = 0..4. Columns past K and the missing rows of a ragged tile hold w = 0.
//
// A byte. With c = x_0 + 3·x_1 + 9·x_2 + 27·x_3 ≤ 80: where c < 64 it is 64·x_4 + c, and the other
// 51 combinations are 192 + 17·x_4 + (c − 64). So six bits and two choose everything: one lookup
// among 64 gives four digits, bits 7-6 are the fifth, and a second pair of lookups serves the bytes
// from 192 up. (Plain Σ x_f·3^f needs two lookups among 128 and a third for the fifth digit, twice
// the work of the only port that permutes on Intel's CPUs.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"

namespace ryz {

inline constexpr std::size_t kBase3X32Rows = 32;
inline constexpr std::size_t kBase3Digits = 5;
inline constexpr std::size_t kBase3X32GroupCols = 4 * kBase3Digits;
inline constexpr std::size_t kBase3X32GroupBytes = 128;
inline constexpr unsigned kBase3Overflow = 192;     // bytes from here up
inline constexpr unsigned kBase3OverflowStep = 17;  // combinations a fifth digit
inline constexpr unsigned kBase3Bytes = 243;        // those in use

namespace {

// Digit f of a byte; 0 for the bytes that are not in use.
constexpr unsigned base3_digit(unsigned byte, unsigned f) {
  const bool over = byte >= kBase3Overflow;
  const unsigned low = byte % 64;
  if (byte >= kBase3Bytes) return 0;
  if (f == 4) return over ? low / kBase3OverflowStep : byte / 64;
  unsigned code = over ? 64 + low % kBase3OverflowStep : low;
  for (unsigned i = 0; i < f; ++i) code /= 3;
  return code % 3;
}

// Activations of a group from column k on, zeros past the last column: groups may end past what is
// readable of a row.
struct Base3Columns {
  std::int8_t q[kBase3X32GroupCols];
};
[[maybe_unused]] inline Base3Columns base3_last_columns(const std::int8_t* q, std::size_t first,
                                                        std::size_t cols) {
  Base3Columns last{};
  for (std::size_t k = first; k < cols && k - first < kBase3X32GroupCols; ++k) {
    last.q[k - first] = q[k];
  }
  return last;
}

}  // namespace

extern const Encoding encoding_base3_x32;

}  // namespace ryz
