#include "kernels/encodings/triple.h"

#include "kernels/encodings/trits.h"

namespace ryz {
namespace {

std::size_t padded_words(std::size_t cols) {
  return triple_padded_groups(cols) / kTripleCodesPerWord;
}

std::size_t tile_bytes(std::size_t cols) { return padded_words(cols) * sizeof(std::uint16_t); }

std::size_t activation_table_bytes(std::size_t cols) {
  return triple_padded_groups(cols) * kTripleTableStride * sizeof(std::int16_t);
}

void store(std::uint8_t* out, std::size_t word, std::uint64_t value) {
  const auto bits = static_cast<std::uint16_t>(value);
  std::memcpy(out + word * sizeof bits, &bits, sizeof bits);
}

void pack_tile(const std::int8_t* trits, std::size_t /*stride*/, std::size_t /*rows*/,
               std::size_t cols, std::uint8_t* out) {
  // Multiplying by these bytes leaves x0 + 3·x1 + 9·x2 ≤ 26 of bytes 0-2 in byte 2 and of bytes
  // 3-5 in byte 5; no byte reaches 256.
  constexpr std::uint64_t kPowers = 9 | 3 << 8 | 1 << 16;
  pack_units<kTripleWordCols>(trits, cols, [out](const std::int8_t* w, std::size_t u) {
    const std::uint64_t six = plus_one(load_word<std::uint64_t>(w)) * kPowers;
    const std::uint64_t last = plus_one(load_word<std::uint32_t>(w + 5)) * kPowers;
    store(out, u, (six >> 16 & 31) | (six >> 40 & 31) << 5 | (last >> 24 & 31) << 10);
  });
  const std::size_t words = (cols + kTripleWordCols - 1) / kTripleWordCols;
  for (std::size_t u = words; u < padded_words(cols); ++u) store(out, u, kTripleZero);
}

void unpack_tile(const std::uint8_t* packed, std::size_t /*rows*/, std::size_t cols,
                 std::int8_t* trits, std::size_t /*stride*/) {
  for (std::size_t k = 0; k < cols; ++k) {
    std::uint16_t word;
    std::memcpy(&word, packed + k / kTripleWordCols * sizeof word, sizeof word);
    const unsigned code = word >> (5 * (k / kTripleCols % kTripleCodesPerWord)) & 31;
    trits[k] = static_cast<std::int8_t>(trit_of(code, k % kTripleCols));
  }
}

}  // namespace

constinit const Encoding encoding_triple{
    .name = "triple",
    .summary = "nine weights in two bytes, row-major; 27 sums of three activations",
    .bits_per_weight = 16.0 / 9.0,
    .row_tile = 1,
    .group_cols = kTripleCols,
    .table_kind = TableKind::kActivations,
    .output_scale = OutputScale::kNormal,
    .exact = true,
    .known_wrong = nullptr,
    .tile_bytes = tile_bytes,
    .pack_tile = pack_tile,
    .unpack_tile = unpack_tile,
    .shared_table_bytes = 0,
    .prepare = nullptr,
    .activation_table_bytes = activation_table_bytes,
};

}  // namespace ryz
