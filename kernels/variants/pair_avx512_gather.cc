// `pair` on AVX-512: sixteen lookups of a row by one vpgatherdd.
#include "kernels/encodings/pair.h"
#include "kernels/kernel.h"
#include "kernels/variants/activation_tables.h"
#include "kernels/variants/lookup_avx512.h"

namespace ryz {
namespace {

struct Lookups : GatherSums {
  using Entry = std::int16_t;
  static constexpr std::size_t kBlockBytes = kPairBlockBytes;
  static constexpr std::size_t kBlockEntries = kPairBlock * kPairTableStride;
  static constexpr std::size_t kStageBlocks = 48;  // 24 KB of tables

  static void add(const std::uint8_t* codes, const std::int16_t* table, Sum& sum) {
    // Lane l takes nibble l % 8 of dword l / 8.
    const __m512i dword = _mm512_srli_epi32(lanes_times(1), 3);
    const __m512i shifts = _mm512_and_si512(lanes_times(4), _mm512_set1_epi32(28));
    const __m512i both =
        _mm512_castsi128_si512(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes)));
    const __m512i code = _mm512_and_si512(
        _mm512_srlv_epi32(_mm512_permutexvar_epi32(dword, both), shifts), _mm512_set1_epi32(15));
    add_entries(table, _mm512_add_epi32(code, lanes_times(kPairTableStride)), 1, sum);
  }
};

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * pair_padded_groups(cols) * kPairTableStride * sizeof(std::int16_t);
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  static_assert(PairTable::kStride == kPairTableStride && PairTable::kCols == kPairCols);
  build_activation_tables<PairTable>(activations, groups, pair_padded_groups(activations.cols),
                                     static_cast<std::int16_t*>(table));
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  lookup_rows(Lookups{}, weights, activations.tokens, static_cast<const std::int16_t*>(table), rows,
              out, out_stride);
}

}  // namespace

extern const Kernel kernel_pair_avx512_gather;
constinit const Kernel kernel_pair_avx512_gather{
    .name = "avx512-gather",
    .encoding = &encoding_pair,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
