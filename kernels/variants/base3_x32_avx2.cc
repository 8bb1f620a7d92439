// base3-x32 on AVX2: a lane is a row, 8 rows a register; digits by a multiplication and vpshufb.
//
// Ranges. Digits are at most 2, so vpmaddubsw gives at most 2·2·128 = 512 in magnitude and a group
// adds five of them to an int16 lane: twelve groups reach 30720.
#include "kernels/encodings/base3_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd256.h"

namespace ryz {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kGroupsBeforeWidening = 12;

// x[f] = digit f of every byte.
inline void decode(__m256i c, __m256i (&x)[kBase3Digits]) {
  const __m256i low6 = _mm256_and_si256(c, _mm256_set1_epi8(63));
  const __m256i two = _mm256_and_si256(_mm256_srli_epi16(c, 6), _mm256_set1_epi8(3));
  const __m256i over = _mm256_cmpeq_epi8(two, _mm256_set1_epi8(3));
  // Comparisons are −1 where true.
  const __m256i second = _mm256_cmpgt_epi8(low6, _mm256_set1_epi8(kBase3OverflowStep - 1));
  const __m256i third = _mm256_cmpgt_epi8(low6, _mm256_set1_epi8(2 * kBase3OverflowStep - 1));
  const __m256i steps = _mm256_add_epi8(second, third);
  x[4] = _mm256_blendv_epi8(two, _mm256_sub_epi8(_mm256_setzero_si256(), steps), over);
  // Four digits' code: low6, or 64 + low6 − 17·digit.
  const __m256i back = _mm256_and_si256(_mm256_add_epi8(second, third), over);
  const __m256i seventeen = _mm256_add_epi8(
      _mm256_slli_epi16(
          _mm256_and_si256(_mm256_sub_epi8(_mm256_setzero_si256(), back), _mm256_set1_epi8(3)), 4),
      _mm256_sub_epi8(_mm256_setzero_si256(), back));
  const __m256i code = _mm256_sub_epi8(
      _mm256_add_epi8(low6, _mm256_and_si256(over, _mm256_set1_epi8(64))), seventeen);
  // code = 9·high + low, both ≤ 8; ⌊code / 9⌋ = code·7282 >> 16 for code ≤ 80.
  const __m256i ninth = _mm256_set1_epi16(7282);
  const __m256i even = _mm256_mulhi_epu16(_mm256_and_si256(code, _mm256_set1_epi16(0x00FF)), ninth);
  const __m256i odd = _mm256_mulhi_epu16(_mm256_srli_epi16(code, 8), ninth);
  const __m256i high = _mm256_or_si256(even, _mm256_slli_epi16(odd, 8));
  const __m256i low = _mm256_sub_epi8(code, _mm256_add_epi8(_mm256_slli_epi16(high, 3), high));
  const __m256i ones =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0));
  const __m256i threes =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0));
  x[0] = _mm256_shuffle_epi8(ones, low);
  x[1] = _mm256_shuffle_epi8(threes, low);
  x[2] = _mm256_shuffle_epi8(ones, high);
  x[3] = _mm256_shuffle_epi8(threes, high);
}

// sums[t] += 8 rows of a group times kT tokens' activations.
template <int kT, bool kAsk>
inline void add_group(const std::uint8_t* codes, const std::int8_t* q, std::size_t stride,
                      __m256i (&sums)[kT]) {
  __m256i x[kBase3Digits];
  decode(load32(codes), x);
  if constexpr (kAsk) ask_ahead(codes, x[0]);
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) {
    const std::int8_t* a = q + static_cast<std::size_t>(t) * stride;
#pragma GCC unroll 5
    for (std::size_t f = 0; f < kBase3Digits; ++f) {
      sums[t] =
          _mm256_add_epi16(sums[t], _mm256_maddubs_epi16(x[f], broadcast_dword256(a + 4 * f)));
    }
  }
}

// kT tokens × 8 rows, of which `live` exist.
template <int kT>
inline void run(const std::uint8_t* codes, std::size_t groups, const Activations& activations,
                std::size_t token, std::size_t live, std::int32_t* out, std::size_t out_stride) {
  const std::int8_t* q = activations.q + token * activations.stride;
  Base3Columns last[kT];
  __m256i total[kT];
#pragma GCC unroll 4
  for (std::size_t t = 0; t < kT; ++t) {
    total[t] = _mm256_setzero_si256();
    last[t] = base3_last_columns(q + t * activations.stride, (groups - 1) * kBase3X32GroupCols,
                                 activations.cols);
  }
  for (std::size_t first = 0; first < groups; first += kGroupsBeforeWidening) {
    const std::size_t left = groups - first;
    const std::size_t n = left < kGroupsBeforeWidening ? left : kGroupsBeforeWidening;
    const std::size_t whole = n == left ? n - 1 : n;
    __m256i sums[kT];
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) sums[t] = _mm256_setzero_si256();
    for (std::size_t g = 0; g < whole; ++g) {
      add_group<kT, kT == 1>(codes, q, activations.stride, sums);
      codes += kBase3X32GroupBytes;
      q += kBase3X32GroupCols;
    }
    if (whole < n) add_group<kT, false>(codes, last[0].q, sizeof last[0], sums);
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
      total[t] = _mm256_add_epi32(total[t], _mm256_madd_epi16(sums[t], _mm256_set1_epi16(1)));
    }
  }
#pragma GCC unroll 4
  for (std::size_t t = 0; t < kT; ++t) {
    const __m256i minus = _mm256_set1_epi32(activations.sums[token + t]);
    store_live(out + (token + t) * out_stride, _mm256_sub_epi32(total[t], minus), live);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = weights.tile_bytes / kBase3X32GroupBytes;
  for (std::size_t first = rows.begin; first < rows.end; first += kBase3X32Rows) {
    const std::uint8_t* tile = weights.data + first / kBase3X32Rows * weights.tile_bytes;
    for (std::size_t r = 0; r < kBase3X32Rows && first + r < rows.end; r += kLanes) {
      const std::uint8_t* codes = tile + 4 * r;
      const std::size_t live = rows.end - first - r;
      std::int32_t* y = out + (first + r - rows.begin);
      std::size_t t = 0;
      for (; t + 4 <= activations.tokens; t += 4) {
        run<4>(codes, groups, activations, t, live, y, out_stride);
      }
      for (; t < activations.tokens; ++t) {
        run<1>(codes, groups, activations, t, live, y, out_stride);
      }
    }
  }
}

}  // namespace

extern const Kernel kernel_base3_x32_avx2;
constinit const Kernel kernel_base3_x32_avx2{
    .name = "avx2",
    .encoding = &encoding_base3_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
