// `bit-planes` on AVX-512: sixteen lookups of a row by one vpgatherdd.
#include "kernels/encodings/bit_planes.h"
#include "kernels/kernel.h"
#include "kernels/variants/lookup_avx512.h"
#include "kernels/variants/pattern_indexes.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::uint8_t;
  static constexpr std::size_t kBlockBytes = kPattern8Block * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kPattern8Block * Planes::kBytes;
  static constexpr std::size_t kStageBlocks = 64;

  const std::int8_t* shared;

  void add(const std::uint8_t* codes, const std::uint8_t* indexes, Sum& sum) const {
    const __m512i rows = _mm512_slli_epi32(words_to_dwords(codes), 8);
#pragma GCC unroll 8
    for (int b = 0; b < 8; ++b) {
      const __m512i index = bytes_to_dwords(indexes + b * kPattern8Block);
      const __m512i value = shifted_entries(shared, _mm512_or_si512(rows, index), b);
      sum = b < 7 ? _mm512_add_epi32(sum, value) : _mm512_sub_epi32(sum, value);
    }
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * pattern8_padded_groups(cols) * Planes::kBytes;
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  build_pattern_indexes<Planes>(activations, groups, static_cast<std::uint8_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{{}, bit_planes_table()}, weights, activations.tokens,
              static_cast<const std::uint8_t*>(table), rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_bit_planes_avx512_gather;
constinit const Kernel kernel_bit_planes_avx512_gather{
    .name = "avx512-gather",
    .encoding = &encoding_bit_planes,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
