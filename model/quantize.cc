#include "model/quantize.h"

#include <emmintrin.h>

#include <algorithm>
#include <cmath>

namespace ryz {

float max_magnitude(const float* x, std::size_t n) {
  const __m128 magnitude = _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff));
  __m128 max[4] = {};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t j = 0; j < 4; ++j) {
      max[j] = _mm_max_ps(max[j], _mm_and_ps(_mm_loadu_ps(x + i + 4 * j), magnitude));
    }
  }
  alignas(16) float lanes[4];
  _mm_store_ps(lanes, _mm_max_ps(_mm_max_ps(max[0], max[1]), _mm_max_ps(max[2], max[3])));
  float largest = std::max(std::max(lanes[0], lanes[1]), std::max(lanes[2], lanes[3]));
  for (; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

std::int32_t round_to_int8(const float* x, float factor, std::size_t n, std::int8_t* q) {
  const __m128 factors = _mm_set1_ps(factor);
  const __m128i ones = _mm_set1_epi16(1);
  __m128i sums = _mm_setzero_si128();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const auto four = [&](std::size_t j) {
      return _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(x + i + j), factors));
    };
    // Saturation to 16 and 8 bits; both halves' sums from the 16-bit numbers would differ where
    // the second saturates, so they are taken of the bytes.
    const __m128i bytes =
        _mm_packs_epi16(_mm_packs_epi32(four(0), four(4)), _mm_packs_epi32(four(8), four(12)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + i), bytes);
    const __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
    const __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8);
    sums = _mm_add_epi32(sums, _mm_madd_epi16(_mm_add_epi16(low, high), ones));
  }
  alignas(16) std::int32_t lanes[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(lanes), sums);
  std::int32_t sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
  for (; i < n; ++i) {
    const int rounded = _mm_cvtss_si32(_mm_set_ss(x[i] * factor));
    q[i] = static_cast<std::int8_t>(std::clamp(rounded, -128, 127));
    sum += q[i];
  }
  return sum;
}

}  // namespace ryz
