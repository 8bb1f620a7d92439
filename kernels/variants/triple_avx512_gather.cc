// `triple` on AVX-512: sixteen lookups of a row by one vpgatherdd.
#include "kernels/encodings/triple.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx512.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kTripleBlockWords * sizeof(std::uint16_t);
  static constexpr std::size_t kBlockEntries = kTripleBlock * kTripleTableStride;
  static constexpr std::size_t kStageBlocks = 8;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    const __m512i lanes = lanes_times(kTripleCodesPerWord * kTripleTableStride);
    const __m512i code = _mm512_set1_epi32(31);
    const __m512i words = words_to_dwords(codes);
    const __m512i second = _mm512_and_si512(_mm512_srli_epi32(words, 5), code);
    add_entries(table, _mm512_add_epi32(_mm512_and_si512(words, code), lanes), 1, sum);
    add_entries(table + kTripleTableStride, _mm512_add_epi32(second, lanes), 1, sum);
    add_entries(table + 2 * kTripleTableStride,
                _mm512_add_epi32(_mm512_srli_epi32(words, 10), lanes), 1, sum);
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * triple_padded_groups(cols) * kTripleTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(TripleTable::kStride == kTripleTableStride && TripleTable::kCols == kTripleCols);
  build_activation_tables<TripleTable>(activations, groups, triple_padded_groups(activations.cols),
                                       static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_triple_avx512_gather;
constinit const Kernel kernel_triple_avx512_gather{
    .name = "avx512-gather",
    .encoding = &encoding_triple,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
