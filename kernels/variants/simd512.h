// Small AVX-512 pieces that several variants share. Everything is in an anonymous namespace: each
// file has its own copy, compiled with its own flags, and none reaches the linker.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace ryz {
namespace {

// Four bytes of activations in every dword. The address needs no alignment.
inline __m512i broadcast_dword(const std::int8_t* p) {
  std::int32_t dword;
  __builtin_memcpy(&dword, p, sizeof dword);
  return _mm512_set1_epi32(dword);
}

// Lane i of the result is the sum of v_i's sixteen lanes.
inline __m128i reduce4(__m512i v0, __m512i v1, __m512i v2, __m512i v3) {
  const __m512i v01 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(v0, v1), _mm512_unpackhi_epi32(v0, v1));
  const __m512i v23 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(v2, v3), _mm512_unpackhi_epi32(v2, v3));
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(v01, v23), _mm512_unpackhi_epi64(v01, v23));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

inline void store4(std::int32_t* out, __m128i v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), v);
}

inline __m128i load4(const std::int32_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

}  // namespace
}  // namespace ryz
