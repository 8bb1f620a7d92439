#include "kernels/encodings/pattern8.h"

#include "kernels/buffer.h"
#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

void store(std::uint8_t* out, std::size_t group, std::uint64_t code) {
  const auto bits = static_cast<std::uint16_t>(code);
  std::memcpy(out + group * sizeof bits, &bits, sizeof bits);
}

}  // namespace

std::size_t pattern8_tile_bytes(std::size_t cols) {
  return pattern8_padded_groups(cols) * sizeof(std::uint16_t);
}

void pattern8_pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
                        std::size_t cols, std::uint8_t* out) {
  // Multiplying by these bytes leaves Σ x_i·3^i ≤ 80 of bytes 0-3 in byte 3 and of bytes 4-7 in
  // byte 7; no byte reaches 256.
  constexpr std::uint64_t kPowers = 27 | 9 << 8 | 3 << 16 | 1 << 24;
  pack_units<kPattern8Cols>(trits, cols, [out](const std::int8_t* w, std::size_t g) {
    const std::uint64_t fours = plus_one(load_word<std::uint64_t>(w)) * kPowers;
    store(out, g, (fours >> 24 & 255) + 81 * (fours >> 56));
  });
  const std::size_t groups = (cols + kPattern8Cols - 1) / kPattern8Cols;
  for (std::size_t g = groups; g < pattern8_padded_groups(cols); ++g) store(out, g, kPattern8Zero);
}

void pattern8_unpack_tile(const std::uint8_t* packed, std::size_t /*rows*/, std::size_t cols,
                          std::int8_t* trits, std::size_t /*stride*/) {
  for (std::size_t k = 0; k < cols; ++k) {
    std::uint16_t code;
    std::memcpy(&code, packed + k / kPattern8Cols * sizeof code, sizeof code);
    trits[k] = static_cast<std::int8_t>(trit_of(code, k % kPattern8Cols));
  }
}

template <class Entry>
Buffer pattern8_table(void (*fill_row)(const int (&weights)[kPattern8Cols], Entry* row)) {
  constexpr std::size_t kEntries = std::size_t{kPattern8Codes} * kPattern8Entries;
  constexpr std::size_t kPadding = sizeof(std::uint32_t) / sizeof(Entry) - 1;
  Buffer buffer((kEntries + kPadding) * sizeof(Entry));
  auto* entries = buffer.as<Entry>();
  for (unsigned code = 0; code < kPattern8Codes; ++code) {
    int weights[kPattern8Cols];
    for (unsigned i = 0; i < kPattern8Cols; ++i) weights[i] = trit_of(code, i);
    fill_row(weights, entries + code * kPattern8Entries);
  }
  for (std::size_t i = 0; i < kPadding; ++i) entries[kEntries + i] = 0;
  return buffer;
}

template Buffer pattern8_table(void (*)(const int (&)[kPattern8Cols], std::int8_t*));
template Buffer pattern8_table(void (*)(const int (&)[kPattern8Cols], std::int16_t*));

}  // namespace ryz
