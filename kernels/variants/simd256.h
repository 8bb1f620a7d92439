// Small AVX2 pieces that several variants share; see simd512.h for why they are anonymous.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace ryz {
namespace {

inline __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline __m256i broadcast_dword256(const std::int8_t* p) {
  std::int32_t dword;
  __builtin_memcpy(&dword, p, sizeof dword);
  return _mm256_set1_epi32(dword);
}

// Lane i of the result is the sum of v_i's eight lanes.
inline __m128i reduce4(__m256i v0, __m256i v1, __m256i v2, __m256i v3) {
  const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(v0, v1), _mm256_hadd_epi32(v2, v3));
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

// The first `live` dwords of eight. Whole registers are loaded and stored whole: with a mask for
// all of them two-bit-x32's vector tables lost on a Zen 3.
inline __m256i first_dwords(std::size_t live) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(live < 8 ? live : 8)), lane);
}
inline void store_live(std::int32_t* out, __m256i v, std::size_t live) {
  if (live >= 8) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), v);
  _mm256_maskstore_epi32(out, first_dwords(live), v);
}
inline __m256i load_live(const std::int32_t* p, std::size_t live) {
  if (live >= 8) return load32(p);
  return _mm256_maskload_epi32(p, first_dwords(live));
}

inline void store4(std::int32_t* out, __m128i v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), v);
}

inline __m128i load4(const std::int32_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

}  // namespace
}  // namespace ryz
