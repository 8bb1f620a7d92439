// Q6_K (GGML type 14): 256 weights in 210 bytes.
//   ql[128]    low four bits, qh[64] high two bits of q + 32, q in [-32, 31]
//   scales[16] int8, one for each 16 consecutive weights
//   d          half; weight = d · scale · q
// In each half of 128 weights, weight 32·j + l (j < 4, l < 32) has its low bits in byte
// ql[l + 32·(j & 1)], the low nibble for j < 2 and the high one otherwise, and its high bits in
// bits 2j+1..2j of qh[l].
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/float16.h"

namespace ryz {

inline constexpr std::size_t kQ6kBlock = 256;
inline constexpr std::size_t kQ6kSubBlock = 16;
inline constexpr std::size_t kQ6kBlockBytes = 210;
inline constexpr std::size_t kQ6kHigh = 128;    // where qh begins
inline constexpr std::size_t kQ6kScales = 192;  // where scales begin
inline constexpr std::size_t kQ6kD = 208;       // where d begins

// The block's 256 codes q + 32, in order.
inline void q6k_codes(const std::uint8_t* block, std::uint8_t* codes) {
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint8_t* low = block + 64 * half;
    const std::uint8_t* high = block + kQ6kHigh + 32 * half;
    std::uint8_t* out = codes + 128 * half;
    for (std::size_t l = 0; l < 32; ++l) {
      out[l] = static_cast<std::uint8_t>((low[l] & 15) | (high[l] & 3) << 4);
      out[l + 32] = static_cast<std::uint8_t>((low[l + 32] & 15) | (high[l] >> 2 & 3) << 4);
      out[l + 64] = static_cast<std::uint8_t>(low[l] >> 4 | (high[l] >> 4 & 3) << 4);
      out[l + 96] = static_cast<std::uint8_t>(low[l + 32] >> 4 | high[l] >> 6 << 4);
    }
  }
}

// The other way round: ql and qh of a block.
inline void q6k_put_codes(const std::uint8_t* codes, std::uint8_t* block) {
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint8_t* low = block + 64 * half;
    std::uint8_t* high = block + kQ6kHigh + 32 * half;
    const std::uint8_t* c = codes + 128 * half;
    for (std::size_t l = 0; l < 32; ++l) {
      low[l] = static_cast<std::uint8_t>((c[l] & 15) | (c[l + 64] & 15) << 4);
      low[l + 32] = static_cast<std::uint8_t>((c[l + 32] & 15) | (c[l + 96] & 15) << 4);
      high[l] = static_cast<std::uint8_t>(c[l] >> 4 | c[l + 32] >> 4 << 2 | c[l + 64] >> 4 << 4 |
                                          c[l + 96] >> 4 << 6);
    }
  }
}

inline float q6k_scale(const std::uint8_t* block) {
  return half_to_float(static_cast<std::uint16_t>(block[kQ6kD] | block[kQ6kD + 1] << 8));
}

}  // namespace ryz
