// two-bit, row-major, by vpdpbusd: four rows at a time share the activations' registers.
//
// Ranges, as in two-bit-x32: a dword of a field masked in place gives at most 4·128·128 = 2^16, so
// an int32 lane takes 2^14 blocks with a bit to spare. One lane sums one in sixteen of the
// row's products, and 16 lanes of Σ (w+1)·q ≤ 2·128·K fit int32 for K < 2^23.
#include "kernels/encodings/two_bit.h"
#include "kernels/kernel.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kOverflowBlocks = std::size_t{1} << 14;
constexpr std::size_t kRows = 4;
constexpr std::size_t kTokens = 4;

inline __m512i field_mask(int f) { return _mm512_set1_epi8(static_cast<char>(3 << (2 * f))); }

// One token, kN rows (1 or 4): accumulators scaled 1, 4, 16, 64 by field.
template <int kN>
inline void rows_times_one(const std::uint8_t* codes, std::size_t row_bytes, std::size_t blocks,
                           const std::int8_t* q, __m512i (&total)[kRows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r) total[r] = _mm512_setzero_si512();
  while (blocks > 0) {
    const std::size_t n = blocks < kOverflowBlocks ? blocks : kOverflowBlocks;
    __m512i acc[kN][4];
#pragma GCC unroll 4
    for (int r = 0; r < kN; ++r) {
#pragma GCC unroll 4
      for (int f = 0; f < 4; ++f) acc[r][f] = _mm512_setzero_si512();
    }
    for (std::size_t b = 0; b < n; ++b) {
      const __m512i a[4] = {_mm512_loadu_si512(q), _mm512_loadu_si512(q + 64),
                            _mm512_loadu_si512(q + 128), _mm512_loadu_si512(q + 192)};
#pragma GCC unroll 4
      for (int r = 0; r < kN; ++r) {
        __m512i c = _mm512_loadu_si512(codes + static_cast<std::size_t>(r) * row_bytes);
        asm("" : "+v"(c));  // one load, not one for every AND
#pragma GCC unroll 4
        for (int f = 0; f < 4; ++f) {
          acc[r][f] = _mm512_dpbusd_epi32(acc[r][f], _mm512_and_si512(c, field_mask(f)), a[f]);
        }
      }
      codes += kTwoBitBlockBytes;
      q += kTwoBitBlockCols;
    }
#pragma GCC unroll 4
    for (int r = 0; r < kN; ++r) {
      __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
      for (int f = 3; f >= 0; --f) {
        sum = _mm512_add_epi32(_mm512_srai_epi32(sum, 2), acc[r][f]);
      }
      total[r] = _mm512_add_epi32(total[r], sum);
    }
    blocks -= n;
  }
}

// Four rows, four tokens: one pass a field, the highest first, the sums shifted down between them
// (see two_bit_x32_avx512_vnni.cc).
inline void rows_times_four(const std::uint8_t* codes, std::size_t row_bytes, std::size_t blocks,
                            const std::int8_t* q, std::size_t stride,
                            __m512i (&total)[kTokens][kRows]) {
#pragma GCC unroll 4
  for (std::size_t t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kRows; ++r) total[t][r] = _mm512_setzero_si512();
  }
  // A block of columns that stays in the L1 cache over the four passes.
  constexpr std::size_t kChunk = 16;
  for (std::size_t first = 0; first < blocks; first += kChunk) {
    const std::size_t n = blocks - first < kChunk ? blocks - first : kChunk;
    __m512i acc[kTokens][kRows];
#pragma GCC unroll 4
    for (std::size_t t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) acc[t][r] = _mm512_setzero_si512();
    }
    for (int f = 3; f >= 0; --f) {
      const __m512i mask = field_mask(f);
#pragma GCC unroll 4
      for (std::size_t t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
        for (std::size_t r = 0; r < kRows; ++r) acc[t][r] = _mm512_srai_epi32(acc[t][r], 2);
      }
      const std::uint8_t* c = codes + first * kTwoBitBlockBytes;
      const std::int8_t* a = q + first * kTwoBitBlockCols + 64 * f;
      for (std::size_t b = 0; b < n; ++b) {
        __m512i w[kRows];
#pragma GCC unroll 4
        for (std::size_t r = 0; r < kRows; ++r) {
          w[r] = _mm512_and_si512(_mm512_loadu_si512(c + r * row_bytes), mask);
        }
#pragma GCC unroll 4
        for (std::size_t t = 0; t < kTokens; ++t) {
          __m512i at = _mm512_loadu_si512(a + t * stride);
          asm("" : "+v"(at));  // one load, not one for every row
#pragma GCC unroll 4
          for (std::size_t r = 0; r < kRows; ++r) {
            acc[t][r] = _mm512_dpbusd_epi32(acc[t][r], w[r], at);
          }
        }
        c += kTwoBitBlockBytes;
        a += kTwoBitBlockCols;
      }
    }
#pragma GCC unroll 4
    for (std::size_t t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) {
        total[t][r] = _mm512_add_epi32(total[t][r], acc[t][r]);
      }
    }
  }
}

inline void multiply_rows(const PackedView& weights, const Activations& activations,
                          std::size_t row, std::size_t count, std::int32_t* out,
                          std::size_t out_stride) {
  const std::size_t blocks = weights.tile_bytes / kTwoBitBlockBytes;
  const std::uint8_t* codes = weights.data + row * weights.tile_bytes;
  std::size_t t = 0;
  if (count == kRows) {
    for (; t + kTokens <= activations.tokens; t += kTokens) {
      __m512i total[kTokens][kRows];
      rows_times_four(codes, weights.tile_bytes, blocks, activations.q + t * activations.stride,
                      activations.stride, total);
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kTokens; ++i) {
        const __m128i sums = reduce4(total[i][0], total[i][1], total[i][2], total[i][3]);
        store4(out + (t + i) * out_stride,
               _mm_sub_epi32(sums, _mm_set1_epi32(activations.sums[t + i])));
      }
    }
  }
  for (; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    const __m128i minus = _mm_set1_epi32(activations.sums[t]);
    __m512i total[kRows];
    if (count == kRows) {
      rows_times_one<4>(codes, weights.tile_bytes, blocks, q, total);
      store4(out + t * out_stride,
             _mm_sub_epi32(reduce4(total[0], total[1], total[2], total[3]), minus));
    } else {
      rows_times_one<1>(codes, weights.tile_bytes, blocks, q, total);
      out[t * out_stride] = _mm512_reduce_add_epi32(total[0]) - activations.sums[t];
    }
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  std::size_t r = rows.begin;
  for (; r + kRows <= rows.end; r += kRows) {
    multiply_rows(weights, activations, r, kRows, out + (r - rows.begin), out_stride);
  }
  for (; r < rows.end; ++r) {
    multiply_rows(weights, activations, r, 1, out + (r - rows.begin), out_stride);
  }
}

}  // namespace

extern const Kernel kernel_two_bit_avx512_vnni;
constinit const Kernel kernel_two_bit_avx512_vnni{
    .name = "avx512-vnni",
    .encoding = &encoding_two_bit,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
