// Rows that are bytes, by vpdpbusd: for codes that cost more to decode than to multiply, which
// several tokens then share.
//
// Bytes hold w + 1, 32 rows interleaved. A step is four columns: byte 4r + b of its 128 is row r,
// column 4·step + b.
//
// Ranges: a step adds at most 4·2·128 to a sum, which wraps around freely on its way; what it ends
// as fits int32.
#pragma once

#include "kernels/kernel.h"
#include "kernels/variants/dot512.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kUnpackedRows = 32;
constexpr std::size_t kStepBytes = 4 * kUnpackedRows;
constexpr std::size_t kUnpackedTokens = 8;  // that share a load of bytes

// Steps of one tile of rows.
struct UnpackedTile {
  const std::uint8_t* bytes;
  std::size_t first_step;  // of the matrix
  std::size_t steps;
  std::uint32_t live;  // rows that exist, a bit each
  std::int32_t* out;   // of the tile's first row and the batch's first token
  std::size_t out_stride;
};

// kTokens tokens from `token` on. The matrix's first steps set results, the others add to them.
template <std::size_t kTokens>
inline void multiply_tokens(const UnpackedTile& tile, const Activations& activations,
                            std::size_t token) {
  const auto live0 = static_cast<__mmask16>(tile.live);
  const auto live1 = static_cast<__mmask16>(tile.live >> 16);
  std::int32_t* const out = tile.out + token * tile.out_stride;
  __m512i sums[kTokens][2];
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kTokens; ++t) {
    if (tile.first_step == 0) {
      sums[t][0] = sums[t][1] = _mm512_set1_epi32(-activations.sums[token + t]);
    } else {
      sums[t][0] = _mm512_maskz_loadu_epi32(live0, out + t * tile.out_stride);
      sums[t][1] = _mm512_maskz_loadu_epi32(live1, out + t * tile.out_stride + 16);
    }
  }
  const std::uint8_t* bytes = tile.bytes;
  const std::int8_t* q = activations.q + token * activations.stride + 4 * tile.first_step;
  for (std::size_t i = 0; i < tile.steps; ++i) {
    const __m512i w0 = _mm512_load_si512(bytes);
    const __m512i w1 = _mm512_load_si512(bytes + 64);
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m512i a = broadcast_dword(q + t * activations.stride);
      sums[t][0] = add_dot(sums[t][0], w0, a);
      sums[t][1] = add_dot(sums[t][1], w1, a);
    }
    bytes += kStepBytes;
    q += 4;
  }
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kTokens; ++t) {
    _mm512_mask_storeu_epi32(out + t * tile.out_stride, live0, sums[t][0]);
    _mm512_mask_storeu_epi32(out + t * tile.out_stride + 16, live1, sums[t][1]);
  }
}

// The tokens that are no whole eight.
template <std::size_t kTokens>
inline void multiply_rest(const UnpackedTile& tile, const Activations& activations,
                          std::size_t rest) {
  if constexpr (kTokens > 0) {
    if (rest == kTokens) {
      multiply_tokens<kTokens>(tile, activations, activations.tokens - rest);
    } else {
      multiply_rest<kTokens - 1>(tile, activations, rest);
    }
  }
}

inline void multiply_unpacked(const UnpackedTile& tile, const Activations& activations) {
  std::size_t t = 0;
  for (; t + kUnpackedTokens <= activations.tokens; t += kUnpackedTokens) {
    multiply_tokens<kUnpackedTokens>(tile, activations, t);
  }
  multiply_rest<kUnpackedTokens - 1>(tile, activations, activations.tokens - t);
}

}  // namespace
}  // namespace ryz
