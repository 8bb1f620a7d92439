// two-bit, row-major, on AVX2: four rows at a time. Ranges: two_bit_avx2.h.
#include "kernels/variants/two_bit_avx2.h"

#include "kernels/encodings/two_bit.h"
#include "kernels/kernel.h"

namespace ryz {
namespace {

constexpr std::size_t kHalf = 32;  // a block of codes is two registers

// kT tokens by kR rows, all columns.
template <int kT, int kR>
inline void rows_times(const std::uint8_t* codes, std::size_t row_bytes, const std::int8_t* q,
                       std::size_t stride, __m256i (&total)[kT][kR]) {
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < kR; ++r) total[t][r] = _mm256_setzero_si256();
  }
  std::size_t halves = row_bytes / kHalf;
  Int16Sums<kT, kR> sums;
  while (halves > 0) {
    const std::size_t n = halves < kStepsBeforeWidening ? halves : kStepsBeforeWidening;
    sums.clear();
    for (std::size_t h = 0; h < n; h += 2) {
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half) {
        __m256i a[kT][4];
#pragma GCC unroll 4
        for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
          for (int f = 0; f < 4; ++f) {
            a[t][f] = load32(q + static_cast<std::size_t>(t) * stride + 64 * f + kHalf * half);
          }
        }
        sums.template add<false>(codes + kHalf * half, row_bytes, a);
      }
      codes += kTwoBitBlockBytes;
      q += kTwoBitBlockCols;
    }
    sums.widen_into(total);
    halves -= n;
  }
}

inline void four_rows(const std::uint8_t* codes, std::size_t row_bytes,
                      const Activations& activations, std::int32_t* out, std::size_t out_stride) {
  std::size_t t = 0;
  for (; t + 2 <= activations.tokens; t += 2) {
    __m256i upper[2][2];
    __m256i lower[2][2];
    const std::int8_t* q = activations.q + t * activations.stride;
    rows_times<2, 2>(codes, row_bytes, q, activations.stride, upper);
    rows_times<2, 2>(codes + 2 * row_bytes, row_bytes, q, activations.stride, lower);
#pragma GCC unroll 2
    for (std::size_t i = 0; i < 2; ++i) {
      const __m128i sums = reduce4(upper[i][0], upper[i][1], lower[i][0], lower[i][1]);
      store4(out + (t + i) * out_stride,
             _mm_sub_epi32(sums, _mm_set1_epi32(activations.sums[t + i])));
    }
  }
  if (t < activations.tokens) {
    __m256i total[1][4];
    rows_times<1, 4>(codes, row_bytes, activations.q + t * activations.stride, activations.stride,
                     total);
    store4(out + t * out_stride,
           _mm_sub_epi32(reduce4(total[0][0], total[0][1], total[0][2], total[0][3]),
                         _mm_set1_epi32(activations.sums[t])));
  }
}

inline void one_row(const std::uint8_t* codes, std::size_t row_bytes,
                    const Activations& activations, std::int32_t* out, std::size_t out_stride) {
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    __m256i total[1][1];
    rows_times<1, 1>(codes, row_bytes, activations.q + t * activations.stride, activations.stride,
                     total);
    const __m256i zero = _mm256_setzero_si256();
    const __m128i sums = reduce4(total[0][0], zero, zero, zero);
    out[t * out_stride] = _mm_cvtsi128_si32(sums) - activations.sums[t];
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t row_bytes = weights.tile_bytes;
  std::size_t r = rows.begin;
  for (; r + 4 <= rows.end; r += 4) {
    four_rows(weights.data + r * row_bytes, row_bytes, activations, out + (r - rows.begin),
              out_stride);
  }
  for (; r < rows.end; ++r) {
    one_row(weights.data + r * row_bytes, row_bytes, activations, out + (r - rows.begin),
            out_stride);
  }
}

}  // namespace

extern const Kernel kernel_two_bit_avx2;
constinit const Kernel kernel_two_bit_avx2{
    .name = "avx2",
    .encoding = &encoding_two_bit,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
