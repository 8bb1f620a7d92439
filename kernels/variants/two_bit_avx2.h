// The AVX2 step that two-bit and two-bit-x32 share: 32 bytes of codes a row register, four fields
// of w + 1 ∈ {0, 1, 2} a byte, multiplied by vpmaddubsw into int16.
//
// Ranges. Fields 0 and 2 are used at scale 1, fields 1 and 3 at scale 4 (which saves two shifts).
// vpmaddubsw adds two products: at most 2·(8·128) = 2048 in magnitude, so it never saturates. A
// step adds two of them to a lane of each sum; over kStepsBeforeWidening = 8 steps the scale-4 sum
// lies in [−8·4096, 8·2·2·8·127] = [−32768, 32512], which int16 just holds; the other is a quarter
// of that. Lanes of the scale-4 sum are multiples of 4, so shifting them down is exact.
#pragma once

#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd256.h"

namespace ryz {
namespace {

constexpr std::size_t kStepsBeforeWidening = 8;

// int16 sums of kT tokens by kR registers of codes, by scale.
template <int kT, int kR>
struct Int16Sums {
  __m256i one[kT][kR];
  __m256i four[kT][kR];

  void clear() {
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
      for (int r = 0; r < kR; ++r) one[t][r] = four[t][r] = _mm256_setzero_si256();
    }
  }

  // codes + r * stride: a register of codes; a[t][f]: the activations that its field f meets. kAsk:
  // they are a stream, two registers a line.
  template <bool kAsk>
  void add(const std::uint8_t* codes, std::size_t stride, const __m256i (&a)[kT][4]) {
    const __m256i low = _mm256_set1_epi8(0x03);
    const __m256i high = _mm256_set1_epi8(0x0C);
#pragma GCC unroll 4
    for (int r = 0; r < kR; ++r) {
      const std::uint8_t* at = codes + static_cast<std::size_t>(r) * stride;
      __m256i c = load32(at);
      if constexpr (kAsk) {
        if (r % 2 == 0) ask_ahead(at, c);
      }
#pragma GCC unroll 2
      for (int half = 0; half < 4; half += 2) {
        const __m256i f0 = _mm256_and_si256(c, low);
#pragma GCC unroll 4
        for (int t = 0; t < kT; ++t) {
          one[t][r] = _mm256_add_epi16(one[t][r], _mm256_maddubs_epi16(f0, a[t][half]));
          asm("" : "+x"(one[t][r]));
        }
        const __m256i f1 = _mm256_and_si256(c, high);
#pragma GCC unroll 4
        for (int t = 0; t < kT; ++t) {
          four[t][r] = _mm256_add_epi16(four[t][r], _mm256_maddubs_epi16(f1, a[t][half + 1]));
          // Or g++ 12 adds fields to each other first and spills sums for what it holds meanwhile.
          asm("" : "+x"(four[t][r]), "+x"(c));
        }
        c = _mm256_srli_epi16(c, 4);
      }
      if constexpr (kAsk) go_on_after(four[0][r], codes);
    }
  }

  // total += the sums, at scale 1.
  void widen_into(__m256i (&total)[kT][kR]) const {
    __m256i ones = _mm256_set1_epi16(1);
    asm("" : "+m"(ones));  // or it takes a register from the sums' loop
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 4
      for (int r = 0; r < kR; ++r) {
        const __m256i quarter = _mm256_srai_epi32(_mm256_madd_epi16(four[t][r], ones), 2);
        total[t][r] = _mm256_add_epi32(
            total[t][r], _mm256_add_epi32(_mm256_madd_epi16(one[t][r], ones), quarter));
      }
    }
  }
};

}  // namespace
}  // namespace ryz
