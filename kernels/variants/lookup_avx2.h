// What the AVX2 table kernels share: eight lookups by vpgatherdd, eight int32 lanes of sums a row.
#pragma once

#include "kernels/variants/lookup_rows.h"
#include "kernels/variants/simd256.h"

namespace ryz {
namespace {

struct GatherSums {
  using Sum = __m256i;

  static Sum zero() { return _mm256_setzero_si256(); }
  static void store(std::int32_t* out, bool first, Sum s0, Sum s1, Sum s2, Sum s3) {
    const __m128i sums = reduce4(s0, s1, s2, s3);
    store4(out, first ? sums : _mm_add_epi32(sums, load4(out)));
  }
  static void store(std::int32_t* out, bool first, Sum s) {
    const std::int32_t sum = _mm_cvtsi128_si32(reduce4(s, zero(), zero(), zero()));
    *out = (first ? 0 : *out) + sum;
  }
};

// Eight dwords at base + Scale · index. The index is kept in a register of its own because qemu 7.2
// takes an index in ymm4 for none at all, and `verify` under an emulated CPU is how code is found
// that strays beyond AVX2.
template <int Scale>
__m256i gather_dwords(const void* base, __m256i index) {
  register __m256i in_ymm5 asm("ymm5") = index;
  __m256i mask = _mm256_set1_epi32(-1);
  __m256i dwords = _mm256_setzero_si256();
  asm("vpgatherdd %[mask], (%[base],%[index],%c[scale]), %[dwords]"
      : [dwords] "+&x"(dwords), [mask] "+&x"(mask)
      : [base] "r"(base), [index] "x"(in_ymm5), [scale] "i"(Scale)
      : "memory");
  return dwords;
}

// Σ += scale · entries[index], int16 entries. Each is gathered as a dword together with its
// neighbour, which vpmaddwd multiplies by 0.
inline void add_entries(const std::int16_t* entries, __m256i index, int scale, __m256i& sum) {
  const __m256i pairs = gather_dwords<2>(entries, index);
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi32(scale & 0xFFFF)));
}

// entries[index] << shift, int8 entries. Each is gathered as a dword, of which shifting it to the
// top and back drops the neighbours.
inline __m256i shifted_entries(const std::int8_t* entries, __m256i index, int shift) {
  const __m256i dwords = gather_dwords<1>(entries, index);
  return _mm256_srai_epi32(_mm256_slli_epi32(dwords, 24), 24 - shift);
}

// 0, stride, 2·stride, ...
inline __m256i lanes_times(int stride) {
  return _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(stride));
}

inline __m256i bytes_to_dwords(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}

inline __m256i words_to_dwords(const std::uint8_t* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

}  // namespace
}  // namespace ryz
