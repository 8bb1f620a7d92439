#include <immintrin.h>

#include "kernels/peak.h"

namespace ryz {
namespace {

int round() noexcept {
  constexpr int kSums = 12;  // of sixteen registers
  constexpr std::size_t kPasses = kPeakMacs / 32;
  static_assert(2 * (kPasses / kSums + kSums) <= 32768);  // what an int16 lane holds of -2
  __m256i sums[kSums];
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) {
    sums[i] = _mm256_setzero_si256();
    asm("" : "+x"(sums[i]));  // else equal sums are one sum
  }
  __m256i a = _mm256_set1_epi8(1);
  __m256i b = _mm256_set1_epi8(-1);
  asm("" : "+x"(a), "+x"(b));  // else the compiler might know the products
  const auto add = [&](__m256i& sum) {
    __m256i product = _mm256_maddubs_epi16(a, b);
    asm("" : "+x"(product));  // else equal products are one product
    sum = _mm256_add_epi16(sum, product);
  };
  for (std::size_t n = 0; n < kPasses / kSums; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) add(sums[i]);
    asm("" : "+x"(a), "+x"(b));
  }
  for (std::size_t i = 0; i < kPasses % kSums; ++i) add(sums[0]);
  __m256i all = _mm256_setzero_si256();
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) {
    all = _mm256_add_epi32(all, _mm256_madd_epi16(sums[i], _mm256_set1_epi16(1)));
  }
  all = _mm256_hadd_epi32(all, all);
  all = _mm256_hadd_epi32(all, all);
  return _mm256_extract_epi32(all, 0) + _mm256_extract_epi32(all, 4);
}

}  // namespace

constinit const MultiplyPeak peak_avx2{
    .instructions = "vpmaddubsw+vpaddw/256", .needs = kCompiledIsa, .round = round};

}  // namespace ryz
