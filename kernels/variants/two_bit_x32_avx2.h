// two-bit-x32 by vpmaddubsw, for the AVX2 variants that multiply all tokens or the last ones by it:
// a lane is a row, 8 rows a register. Ranges of one token: two_bit_avx2.h. More tokens have one
// int16 sum each, of all fields at scale 1: a step adds at most 16·2·128 / 2 = 2048 to a lane, so
// that kStepsOfBlock = 15 steps stay below 2^15.
#pragma once

#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/two_bit_avx2.h"

namespace ryz {
namespace {

constexpr std::size_t kLanes = 8;

// kT tokens by kR registers of rows, all columns.
template <int kT, int kR>
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
    // Or g++ 12 holds these in registers and the sums in memory.
#pragma GCC unroll 4
    for (int r = 0; r < kR; ++r) asm("" : "+m"(total[0][r]));
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
      sums.template add<true>(codes, 32, a);
      codes += kTwoBitX32GroupBytes;
      q += kTwoBitX32GroupCols;
    }
    sums.widen_into(total);
    groups -= n;
  }
}

constexpr std::size_t kStepsOfBlock = 15;

// kT tokens by two registers of rows, all columns, field by field: so the sums stay in registers
// and each broadcast meets two registers.
template <int kT>
inline void block_times(const std::uint8_t* codes, std::size_t groups, const std::int8_t* q,
                        std::size_t stride, __m256i (&total)[kT][2]) {
  const __m256i mask = _mm256_set1_epi8(3);
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) total[t][0] = total[t][1] = _mm256_setzero_si256();
  while (groups > 0) {
    const std::size_t n = groups < kStepsOfBlock ? groups : kStepsOfBlock;
    __m256i sums[kT][2];
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) sums[t][0] = sums[t][1] = _mm256_setzero_si256();
    for (std::size_t g = 0; g < n; ++g) {
      const __m256i c0 = load32(codes);
      const __m256i c1 = load32(codes + 32);
#pragma GCC unroll 4
      for (int f = 0; f < 4; ++f) {
        const __m256i x0 = _mm256_and_si256(_mm256_srli_epi16(c0, 2 * f), mask);
        const __m256i x1 = _mm256_and_si256(_mm256_srli_epi16(c1, 2 * f), mask);
#pragma GCC unroll 4
        for (int t = 0; t < kT; ++t) {
          const __m256i a = broadcast_dword256(q + static_cast<std::size_t>(t) * stride + 4 * f);
          sums[t][0] = _mm256_add_epi16(sums[t][0], _mm256_maddubs_epi16(x0, a));
          sums[t][1] = _mm256_add_epi16(sums[t][1], _mm256_maddubs_epi16(x1, a));
          // Or g++ 12 adds the four fields as a tree and spills sums for what it holds meanwhile.
          asm("" : "+x"(sums[t][0]), "+x"(sums[t][1]));
        }
      }
      codes += kTwoBitX32GroupBytes;
      q += kTwoBitX32GroupCols;
    }
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        total[t][r] = _mm256_add_epi32(total[t][r], _mm256_madd_epi16(sums[t][r], ones));
      }
    }
    groups -= n;
  }
}

// Eight rows of a tile, of which `live` exist; Σ (w+1)·q − Σ q.
inline void store_rows(__m256i total, std::int32_t activation_sum, std::size_t live,
                       std::int32_t* out) {
  store_live(out, _mm256_sub_epi32(total, _mm256_set1_epi32(activation_sum)), live);
}

struct Tile {
  const std::uint8_t* codes;
  std::size_t groups;
  std::size_t live;  // rows
  std::int32_t* out;
  std::size_t out_stride;
};

template <int kT, int kR>
inline void store(const __m256i (&total)[kT][kR], const Activations& activations, std::size_t token,
                  std::size_t first, const Tile& tile) {
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kT; ++t) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kR; ++r) {
      const std::size_t row = first + r * kLanes;
      if (tile.live <= row) break;
      store_rows(total[t][r], activations.sums[token + t], tile.live - row,
                 tile.out + (token + t) * tile.out_stride + row);
    }
  }
}

// kT tokens by the kR registers of rows that begin at row `first` of the tile.
template <int kT, int kR>
inline void run(const Tile& tile, std::size_t first, const Activations& activations,
                std::size_t token) {
  const std::int8_t* const q = activations.q + token * activations.stride;
  __m256i total[kT][kR];
  if constexpr (kR == 2) {
    block_times<kT>(tile.codes + 4 * first, tile.groups, q, activations.stride, total);
  } else {
    tile_times<kT, kR>(tile.codes + 4 * first, tile.groups, q, activations.stride, total);
  }
  store<kT, kR>(total, activations, token, first, tile);
}

// Tokens [begin, activations.tokens) of rows [rows.begin, rows.end).
inline void multiply_by_maddubs(const PackedView& weights, const Activations& activations,
                                std::size_t begin, RowRange rows, std::int32_t* out,
                                std::size_t out_stride) {
  for (std::size_t row = rows.begin; row < rows.end; row += kTwoBitX32Rows) {
    const std::size_t left = rows.end - row;
    const Tile tile{
        .codes = weights.data + row / kTwoBitX32Rows * weights.tile_bytes,
        .groups = weights.tile_bytes / kTwoBitX32GroupBytes,
        .live = left < kTwoBitX32Rows ? left : kTwoBitX32Rows,
        .out = out + (row - rows.begin),
        .out_stride = out_stride,
    };
    const std::size_t even = activations.tokens - (activations.tokens - begin) % 2;
    // Half of the tile at a time: its codes stay in the L1 cache while all tokens go by.
    for (std::size_t first = 0; even > begin && first < tile.live; first += 2 * kLanes) {
      std::size_t t = begin;
      for (; t + 4 <= even; t += 4) run<4, 2>(tile, first, activations, t);
      if (t < even) run<2, 2>(tile, first, activations, t);
    }
    if (even == activations.tokens) continue;
    run<1, 4>(tile, 0, activations, even);
  }
}

}  // namespace
}  // namespace ryz
