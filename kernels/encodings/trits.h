// What the encodings' packers share: trits as bytes, several to a word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ryz {

// w + 1 in every byte of a word of trits. A trit's two low bits are w mod 4, so that adding 1 to
// them and masking cannot carry into the next byte.
template <class Word>
constexpr Word plus_one(Word trits) {
  constexpr Word kOnes = static_cast<Word>(0x0101010101010101u);
  return ((trits & (3 * kOnes)) + kOnes) & (3 * kOnes);
}

template <class Word>
Word load_word(const std::int8_t* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// 3^n.
constexpr unsigned power_of_three(unsigned n) { return n == 0 ? 1 : 3 * power_of_three(n - 1); }

// Weight i of a code Σ (w_i + 1)·3^i.
constexpr int trit_of(unsigned code, unsigned i) {
  return static_cast<int>(code / power_of_three(i) % 3) - 1;
}

// Σ (w_i + 1)·3^i of five trits.
inline std::uint8_t code_of_five(const std::int8_t* w) {
  // Multiplying by these bytes leaves Σ x_i·3^i ≤ 242 in byte 4; the lower bytes stay below 256,
  // so nothing carries into it.
  constexpr std::uint64_t kPowers = 81 | 27 << 8 | 9 << 16 | 3u << 24 | std::uint64_t{1} << 32;
  const std::uint64_t x = plus_one(load_word<std::uint32_t>(w)) |
                          static_cast<std::uint64_t>(static_cast<std::uint8_t>(w[4] + 1)) << 32;
  return static_cast<std::uint8_t>(x * kPowers >> 32);
}

// Two codes (w_0 + 1) + 3·(w_1 + 1), of four trits, the first in the low nibble.
inline std::uint8_t code_of_two_pairs(const std::int8_t* w) {
  // Byte 1 of the product is x0 + 3·x1, byte 3 is x2 + 3·x3; no byte reaches 256.
  const std::uint32_t codes = plus_one(load_word<std::uint32_t>(w)) * (3 | 1 << 8);
  return static_cast<std::uint8_t>((codes >> 8 & 15) | (codes >> 24 & 15) << 4);
}

// Packs a row in units of kCols columns: pack_unit(w, u) takes unit u's weights (a pointer to
// kCols readable trits) and must write them. The last unit may be short: it reads zeros there.
template <std::size_t kCols, class PackUnit>
void pack_units(const std::int8_t* trits, std::size_t cols, PackUnit pack_unit) {
  const std::size_t whole = cols / kCols;
  for (std::size_t u = 0; u < whole; ++u) pack_unit(trits + u * kCols, u);
  if (whole * kCols < cols) {
    std::int8_t tail[kCols] = {};
    std::memcpy(tail, trits + whole * kCols, cols - whole * kCols);
    pack_unit(static_cast<const std::int8_t*>(tail), whole);
  }
}

}  // namespace ryz
