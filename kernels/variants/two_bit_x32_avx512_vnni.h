// two-bit-x32 by vpdpbusd, for the variants that multiply all tokens or the last ones by it: a lane
// is a row, 16 rows a register, so nothing is summed across lanes.
//
// Ranges. A field masked in place is 4^f·(w+1) ≤ 64·2 = 128 and |q| ≤ 128, so a dword's four
// products are at most 4·128·128 = 2^16 in magnitude; an int32 takes 2^14 groups of them with a bit
// to spare. Sums of field f are multiples of 4^f, so arithmetic shifts lose nothing.
#pragma once

#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/dot512.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kOverflowGroups = std::size_t{1} << 14;
// Columns that a block of tokens stays on: codes and activations of a block stay in the L1 cache
// over the four passes, one a field.
constexpr std::size_t kBlockGroups = 64;

struct Masks {
  __m512i field[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0C), _mm512_set1_epi8(0x30),
                      _mm512_set1_epi8(static_cast<char>(0xC0))};
};

inline __m512i load_codes(const std::uint8_t* p) { return _mm512_loadu_si512(p); }

// acc[f][half] += field f of one group times its activations.
template <Prefetch kAsk>
inline void add_group(const std::uint8_t* codes, const std::int8_t* q, const Masks& masks,
                      __m512i (&acc)[4][2]) {
  __m512i a[4];
#pragma GCC unroll 4
  for (int f = 0; f < 4; ++f) a[f] = broadcast_dword(q + 4 * f);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    __m512i c = load_codes(codes + 64 * half);
    // Hidden from the compiler, which would otherwise load the register once for every AND.
    asm("" : "+v"(c));
    ask_ahead<kAsk>(codes + 64 * half, c);
#pragma GCC unroll 4
    for (int f = 0; f < 4; ++f) {
      acc[f][half] = add_dot(acc[f][half], _mm512_and_si512(c, masks.field[f]), a[f]);
    }
    if constexpr (kAsk != Prefetch::kNone) go_on_after(acc[3][half], codes);
  }
}

// One token: four accumulators a register of rows, scaled 1, 4, 16, 64, and as many for every other
// group. Eight chains of vpdpbusd are what its latency takes where nothing else wants its ports;
// but ANDs do, and with eight a Zen 5 core waited for them.
template <Prefetch kAsk>
inline void tile_times_one(const std::uint8_t* codes, std::size_t groups, const std::int8_t* q,
                           const Masks& masks, __m512i (&total)[2]) {
  total[0] = total[1] = _mm512_setzero_si512();
  while (groups > 0) {
    const std::size_t n = groups < kOverflowGroups ? groups : kOverflowGroups;
    __m512i even[4][2];
    __m512i odd[4][2];
#pragma GCC unroll 4
    for (int f = 0; f < 4; ++f) {
      even[f][0] = even[f][1] = odd[f][0] = odd[f][1] = _mm512_setzero_si512();
    }
    for (std::size_t g = 1; g < n; g += 2) {
      add_group<kAsk>(codes, q, masks, even);
      add_group<kAsk>(codes + kTwoBitX32GroupBytes, q + kTwoBitX32GroupCols, masks, odd);
      codes += 2 * kTwoBitX32GroupBytes;
      q += 2 * kTwoBitX32GroupCols;
    }
    if (n % 2 != 0) {
      add_group<kAsk>(codes, q, masks, even);
      codes += kTwoBitX32GroupBytes;
      q += kTwoBitX32GroupCols;
    }
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
      for (int f = 3; f >= 0; --f) {
        const __m512i field = _mm512_add_epi32(even[f][half], odd[f][half]);
        sum = _mm512_add_epi32(_mm512_srai_epi32(sum, 2), field);
      }
      total[half] = _mm512_add_epi32(total[half], sum);
    }
    groups -= n;
  }
}

// kTokens tokens: a masked register of codes serves all of them. One set of accumulators makes
// four passes, the highest field first, shifted down between them:
// (((64·S3)/4 + 16·S2)/4 + 4·S1)/4 + S0.
template <int kTokens>
inline void tile_times(const std::uint8_t* codes, std::size_t groups, const std::int8_t* q,
                       std::size_t stride, const Masks& masks, __m512i (&total)[kTokens][2]) {
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) total[t][0] = total[t][1] = _mm512_setzero_si512();
  for (std::size_t first = 0; first < groups; first += kBlockGroups) {
    const std::size_t n = groups - first < kBlockGroups ? groups - first : kBlockGroups;
    const std::uint8_t* block = codes + first * kTwoBitX32GroupBytes;
    __m512i acc[kTokens][2];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) acc[t][0] = acc[t][1] = _mm512_setzero_si512();
    for (int f = 3; f >= 0; --f) {
      const __m512i mask = masks.field[f];
      const std::int8_t* a = q + first * kTwoBitX32GroupCols + 4 * f;
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        acc[t][0] = _mm512_srai_epi32(acc[t][0], 2);  // zero on the first pass
        acc[t][1] = _mm512_srai_epi32(acc[t][1], 2);
      }
      for (std::size_t g = 0; g < n; ++g) {
        const std::uint8_t* c = block + g * kTwoBitX32GroupBytes;
        const __m512i c0 = _mm512_and_si512(load_codes(c), mask);
        const __m512i c1 = _mm512_and_si512(load_codes(c + 64), mask);
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const __m512i at = broadcast_dword(a + static_cast<std::size_t>(t) * stride);
          acc[t][0] = add_dot(acc[t][0], c0, at);
          acc[t][1] = add_dot(acc[t][1], c1, at);
        }
        a += kTwoBitX32GroupCols;
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      total[t][0] = _mm512_add_epi32(total[t][0], acc[t][0]);
      total[t][1] = _mm512_add_epi32(total[t][1], acc[t][1]);
    }
  }
}

// The live rows of a tile; Σ (w+1)·q − Σ q.
inline void store_rows(const __m512i (&total)[2], std::int32_t activation_sum, std::uint32_t live,
                       std::int32_t* out) {
  const __m512i minus = _mm512_set1_epi32(activation_sum);
  _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(live), _mm512_sub_epi32(total[0], minus));
  if ((live >> 16) == 0) return;
  _mm512_mask_storeu_epi32(out + 16, static_cast<__mmask16>(live >> 16),
                           _mm512_sub_epi32(total[1], minus));
}

struct Tile {
  const std::uint8_t* codes;
  std::size_t groups;
  std::uint32_t live;  // a bit a row
  std::int32_t* out;
  std::size_t out_stride;
  Prefetch prefetch;
};

template <int kTokens>
inline void run(const Tile& tile, const Activations& activations, std::size_t token,
                const Masks& masks) {
  const std::int8_t* q = activations.q + token * activations.stride;
  if constexpr (kTokens == 1) {
    __m512i total[2];
    with_prefetch(tile.prefetch, [&](auto ask) {
      tile_times_one<decltype(ask)::value>(tile.codes, tile.groups, q, masks, total);
    });
    store_rows(total, activations.sums[token], tile.live, tile.out + token * tile.out_stride);
  } else {
    __m512i total[kTokens][2];
    tile_times<kTokens>(tile.codes, tile.groups, q, activations.stride, masks, total);
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t) {
      store_rows(total[t], activations.sums[token + t], tile.live,
                 tile.out + (token + t) * tile.out_stride);
    }
  }
}

// Tokens [begin, activations.tokens) of rows [rows.begin, rows.end).
inline void multiply_by_vnni(const PackedView& weights, const Activations& activations,
                             std::size_t begin, RowRange rows, std::int32_t* out,
                             std::size_t out_stride) {
  const Masks masks;
  const Prefetch prefetch = stream_prefetch();
  for (std::size_t first = rows.begin; first < rows.end; first += kTwoBitX32Rows) {
    const std::size_t left = rows.end - first;
    const Tile tile{
        .codes = weights.data + first / kTwoBitX32Rows * weights.tile_bytes,
        .groups = weights.tile_bytes / kTwoBitX32GroupBytes,
        .live = left < kTwoBitX32Rows ? (std::uint32_t{1} << left) - 1 : ~std::uint32_t{0},
        .out = out + (first - rows.begin),
        .out_stride = out_stride,
        .prefetch = prefetch,
    };
    std::size_t t = begin;
    for (; t + 8 <= activations.tokens; t += 8) run<8>(tile, activations, t, masks);
    // Fewer than three tokens leave too few accumulators to cover vpdpbusd's latency.
    switch (activations.tokens - t) {
      case 7:
        run<7>(tile, activations, t, masks);
        break;
      case 6:
        run<6>(tile, activations, t, masks);
        break;
      case 5:
        run<5>(tile, activations, t, masks);
        break;
      case 4:
        run<4>(tile, activations, t, masks);
        break;
      case 3:
        run<3>(tile, activations, t, masks);
        break;
      case 2:
        run<1>(tile, activations, t++, masks);
        [[fallthrough]];
      case 1:
        run<1>(tile, activations, t, masks);
        break;
      default:
        break;
    }
  }
}

}  // namespace
}  // namespace ryz
