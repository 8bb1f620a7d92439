// two-bit-x32 on AVX2: a lane is a row, 8 rows a register. Ranges: two_bit_avx2.h.
#include "kernels/cpu.h"
#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/two_bit_avx2.h"

namespace ryz {
namespace {

constexpr std::size_t kLanes = 8;

// kT tokens by kR registers of rows, all columns.
template <int kT, int kR, bool kAsk>
inline void tile_times(const std::uint8_t* codes, std::size_t groups, const std::int8_t* q,
                       std::size_t stride, __m256i (&total)[kT][kR]) {
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < kR; ++r) total[t][r] = _mm256_setzero_si256();
  }
  Int16Sums<kT, kR> sums;
  while (groups > 0) {
    const std::size_t n = groups < kStepsBeforeWidening ? groups : kStepsBeforeWidening;
    sums.clear();
    for (std::size_t g = 0; g < n; ++g) {
      __m256i a[kT][4];
#pragma GCC unroll 4
      for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
        for (int f = 0; f < 4; ++f) {
          a[t][f] = broadcast_dword256(q + static_cast<std::size_t>(t) * stride + 4 * f);
        }
      }
      if constexpr (kAsk) {
        prefetch_stream(codes);
        prefetch_stream(codes + 64);
      }
      sums.add(codes, 32, a);
      codes += kTwoBitX32GroupBytes;
      q += kTwoBitX32GroupCols;
    }
    sums.widen_into(total);
    groups -= n;
  }
}

// Eight rows of a tile, of which `live` exist; Σ (w+1)·q − Σ q.
inline void store_rows(__m256i total, std::int32_t activation_sum, std::size_t live,
                       std::int32_t* out) {
  const __m256i y = _mm256_sub_epi32(total, _mm256_set1_epi32(activation_sum));
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i mask =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(live < kLanes ? live : kLanes)), lane);
  _mm256_maskstore_epi32(out, mask, y);
}

template <int kT, int kR, bool kAsk = false>
inline void run(const std::uint8_t* codes, std::size_t groups, const Activations& activations,
                std::size_t token, std::size_t live, std::int32_t* out, std::size_t out_stride) {
  __m256i total[kT][kR];
  tile_times<kT, kR, kAsk>(codes, groups, activations.q + token * activations.stride,
                           activations.stride, total);
#pragma GCC unroll 4
  for (std::size_t t = 0; t < kT; ++t) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kR; ++r) {
      if (live <= r * kLanes) break;
      store_rows(total[t][r], activations.sums[token + t], live - r * kLanes,
                 out + (token + t) * out_stride + r * kLanes);
    }
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = weights.tile_bytes / kTwoBitX32GroupBytes;
  const bool ask = !follows_streams();
  for (std::size_t first = rows.begin; first < rows.end; first += kTwoBitX32Rows) {
    const std::uint8_t* tile = weights.data + first / kTwoBitX32Rows * weights.tile_bytes;
    const std::size_t left = rows.end - first;
    const std::size_t live = left < kTwoBitX32Rows ? left : kTwoBitX32Rows;
    std::int32_t* y = out + (first - rows.begin);
    std::size_t t = 0;
    for (; t + 2 <= activations.tokens; t += 2) {
      run<2, 2>(tile, groups, activations, t, live, y, out_stride);
      if (live > 2 * kLanes) {
        run<2, 2>(tile + 64, groups, activations, t, live - 2 * kLanes, y + 2 * kLanes, out_stride);
      }
    }
    if (t == activations.tokens) continue;
    if (ask) {
      run<1, 4, true>(tile, groups, activations, t, live, y, out_stride);
    } else {
      run<1, 4>(tile, groups, activations, t, live, y, out_stride);
    }
  }
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx2;
constinit const Kernel kernel_two_bit_x32_avx2{
    .name = "avx2",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
