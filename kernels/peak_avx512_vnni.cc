#include <immintrin.h>

#include "kernels/peak.h"

namespace ryz {
namespace {

int round() noexcept {
  constexpr int kSums = 16;
  __m512i sums[kSums];
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) {
    sums[i] = _mm512_setzero_si512();
    asm("" : "+v"(sums[i]));  // else equal sums are one sum
  }
  __m512i a = _mm512_set1_epi8(1);
  __m512i b = _mm512_set1_epi8(-1);
  asm("" : "+v"(a), "+v"(b));  // else the compiler might know the products
  for (std::size_t n = 0; n < kPeakMacs / (64 * kSums); ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    asm("" : "+v"(a), "+v"(b));
  }
  __m512i all = sums[0];
#pragma GCC unroll 16
  for (int i = 1; i < kSums; ++i) all = _mm512_add_epi32(all, sums[i]);
  return _mm512_reduce_add_epi32(all);
}

}  // namespace

constinit const MultiplyPeak peak_avx512_vnni{
    .instructions = "vpdpbusd/512", .needs = kCompiledIsa, .round = round};

}  // namespace ryz
