// What the avx512-gather kernels share: 16 lookups by vpgatherdd, 16 int32 lanes of sums a row.
#pragma once

#include "kernels/variants/lookup_rows.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

struct GatherSums {
  using Sum = __m512i;

  static Sum zero() { return _mm512_setzero_si512(); }
  static void store(std::int32_t* out, bool first, Sum s0, Sum s1, Sum s2, Sum s3) {
    const __m128i sums = reduce4(s0, s1, s2, s3);
    store4(out, first ? sums : _mm_add_epi32(sums, load4(out)));
  }
  static void store(std::int32_t* out, bool first, Sum s) {
    *out = (first ? 0 : *out) + _mm512_reduce_add_epi32(s);
  }
};

// Σ += scale · entries[index], int16 entries. Each is gathered as a dword together with its
// neighbour, which vpmaddwd multiplies by 0.
inline void add_entries(const std::int16_t* entries, __m512i index, int scale, __m512i& sum) {
  const __m512i pairs = _mm512_i32gather_epi32(index, entries, 2);
  sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi32(scale & 0xFFFF)));
}

// entries[index] << shift, int8 entries. Each is gathered as a dword, of which shifting it to the
// top and back drops the neighbours.
inline __m512i shifted_entries(const std::int8_t* entries, __m512i index, int shift) {
  const __m512i dwords = _mm512_i32gather_epi32(index, entries, 1);
  return _mm512_srai_epi32(_mm512_slli_epi32(dwords, 24), 24 - shift);
}

// 0, stride, 2·stride, ...
inline __m512i lanes_times(int stride) {
  return _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                            _mm512_set1_epi32(stride));
}

inline __m512i bytes_to_dwords(const std::uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

inline __m512i words_to_dwords(const std::uint8_t* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

}  // namespace
}  // namespace ryz
