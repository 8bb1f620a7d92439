// Rows of the output head with AVX2: flags are set on this file alone, see CMakeLists.txt.
#include <immintrin.h>

#include "kernels/variants/prefetch.h"
#include "model/head_table.h"

namespace {

constexpr std::size_t kBlockBytes = 210;  // model/q6k.h describes the block
constexpr std::size_t kHigh = 128;
constexpr std::size_t kScales = 192;
constexpr std::size_t kD = 208;

inline __m256i load(const void* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// 32 weights as q + 32 times x, pairs in 16 bits (2·63·127 fits), times their two scales.
inline __m256i products(__m256i low, __m256i high, const std::int8_t* q, __m256i scales) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_or_si256(low, high), load(q)), scales);
}

// One block's product in 8 partial sums: Σ scale·(q + 32)·x - 32·Σ scale·Σx. Prefetchers leave a
// third of the bandwidth of a stream of such blocks unused where nothing asks ahead.
inline __m256i q6k_block(const std::uint8_t* block, const std::int8_t* q,
                         const std::int16_t* sixteens) {
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  const __m256i two = _mm256_set1_epi8(0x30);
  const __m256i scales =
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + kScales)));
  const __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(scales, load(sixteens)), 5);
  __m256i sum = _mm256_sub_epi32(_mm256_setzero_si256(), offset);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m256i low0 = load(block + 64 * half);
    const __m256i low1 = load(block + 64 * half + 32);
    const __m256i high = load(block + kHigh + 32 * half);
    // The half's eight scales in both lanes; group j has scale 2j in its first 16 weights, which
    // are the low lane's, and 2j + 1 in the high lane.
    const __m256i eight =
        half == 0 ? _mm256_permute4x64_epi64(scales, 0x44) : _mm256_permute4x64_epi64(scales, 0xee);
    const __m256i first = _mm256_set_epi8(3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2,  //
                                          1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0);
    const auto scale = [&](char j) {
      return _mm256_shuffle_epi8(
          eight, _mm256_add_epi8(first, _mm256_set1_epi8(static_cast<char>(4 * j))));
    };
    const std::int8_t* x = q + 128 * half;
    __m256i a = products(_mm256_and_si256(low0, nibble),
                         _mm256_and_si256(_mm256_slli_epi16(high, 4), two), x, scale(0));
    ryz::ask_ahead(block + 128 * half, a);
    const __m256i b = products(_mm256_and_si256(low1, nibble),
                               _mm256_and_si256(_mm256_slli_epi16(high, 2), two), x + 32, scale(1));
    __m256i c = products(_mm256_and_si256(_mm256_srli_epi16(low0, 4), nibble),
                         _mm256_and_si256(high, two), x + 64, scale(2));
    ryz::ask_ahead(block + 128 * half + 64, c);
    const __m256i d = products(_mm256_and_si256(_mm256_srli_epi16(low1, 4), nibble),
                               _mm256_and_si256(_mm256_srli_epi16(high, 2), two), x + 96, scale(3));
    sum = _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d)));
  }
  return sum;
}

inline int half_bits(const std::uint8_t* block) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, block + kD, 2);
  return bits;
}

inline __m128i sums_of(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
}

void q6k_rows(const std::uint8_t* rows, std::size_t count, const ryz::Q6kInput* input, float* out) {
  const std::size_t blocks = input->blocks;
  for (std::size_t r = 0; r < count; ++r) {
    __m128 sums = _mm_setzero_ps();
    for (std::size_t b = 0; b < blocks; b += 4) {
      const std::size_t n = blocks - b < 4 ? blocks - b : 4;
      const std::int8_t* q = input->q + 256 * b;
      const std::int16_t* sixteens = input->sixteens + 16 * b;
      __m256i product[4] = {};
      __m128i halves = _mm_setzero_si128();
      product[0] = q6k_block(rows, q, sixteens);
      halves = _mm_insert_epi16(halves, half_bits(rows), 0);
      if (n > 1) {
        product[1] = q6k_block(rows + kBlockBytes, q + 256, sixteens + 16);
        halves = _mm_insert_epi16(halves, half_bits(rows + kBlockBytes), 1);
      }
      if (n > 2) {
        product[2] = q6k_block(rows + 2 * kBlockBytes, q + 512, sixteens + 32);
        halves = _mm_insert_epi16(halves, half_bits(rows + 2 * kBlockBytes), 2);
      }
      if (n > 3) {
        product[3] = q6k_block(rows + 3 * kBlockBytes, q + 768, sixteens + 48);
        halves = _mm_insert_epi16(halves, half_bits(rows + 3 * kBlockBytes), 3);
      }
      const __m128 whole = _mm_cvtepi32_ps(sums_of(product[0], product[1], product[2], product[3]));
      const __m128 scale = _mm_mul_ps(_mm_cvtph_ps(halves), _mm_loadu_ps(input->scales + b));
      sums = _mm_add_ps(sums, _mm_mul_ps(scale, whole));
      rows += n * kBlockBytes;
    }
    const __m128 pairs = _mm_add_ps(sums, _mm_movehdup_ps(sums));
    out[r] = _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehl_ps(pairs, pairs)));
  }
}

// 16 partial sums: 0..7 in a, 8..15 in b; (s, s+8), (s, s+4), (s, s+2), (s, s+1).
inline float combine(__m256 a, __m256 b) {
  const __m256 eight = _mm256_add_ps(a, b);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

constexpr std::size_t kQ80Bytes = 34;  // of a block: a half d, 32 int8

struct F32 {
  static std::size_t bytes(std::size_t cols) { return 4 * cols; }
  static __m256 load(const std::uint8_t* row, std::size_t k) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(row + 4 * k));
  }
};
struct F16 {
  static std::size_t bytes(std::size_t cols) { return 2 * cols; }
  static __m256 load(const std::uint8_t* row, std::size_t k) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 2 * k)));
  }
};
struct BF16 {
  static std::size_t bytes(std::size_t cols) { return 2 * cols; }
  static __m256 load(const std::uint8_t* row, std::size_t k) {
    const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 2 * k));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(upper), 16));
  }
};
struct Q80 {
  static std::size_t bytes(std::size_t cols) { return cols / 32 * kQ80Bytes; }
  static __m256 load(const std::uint8_t* row, std::size_t k) {
    const std::uint8_t* block = row + k / 32 * kQ80Bytes;
    std::uint16_t half;
    __builtin_memcpy(&half, block, 2);
    const __m256 d = _mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(half)));
    const __m128i q = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 2 + k % 32));
    return _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)));
  }
};

// Two rows at a time: one row's sums wait for each other.
template <class Format>
inline void real_rows(const std::uint8_t* rows, std::size_t count, std::size_t cols, const float* x,
                      float* out) {
  const std::size_t stride = Format::bytes(cols);
  std::size_t r = 0;
  for (; r + 2 <= count; r += 2, rows += 2 * stride) {
    __m256 a0 = _mm256_setzero_ps();
    __m256 a1 = a0;
    __m256 b0 = a0;
    __m256 b1 = a0;
    for (std::size_t k = 0; k < cols; k += 16) {
      const __m256 v0 = _mm256_loadu_ps(x + k);
      const __m256 v1 = _mm256_loadu_ps(x + k + 8);
      a0 = _mm256_add_ps(a0, _mm256_mul_ps(Format::load(rows, k), v0));
      a1 = _mm256_add_ps(a1, _mm256_mul_ps(Format::load(rows, k + 8), v1));
      b0 = _mm256_add_ps(b0, _mm256_mul_ps(Format::load(rows + stride, k), v0));
      b1 = _mm256_add_ps(b1, _mm256_mul_ps(Format::load(rows + stride, k + 8), v1));
    }
    out[r] = combine(a0, a1);
    out[r + 1] = combine(b0, b1);
  }
  if (r < count) {
    __m256 a0 = _mm256_setzero_ps();
    __m256 a1 = a0;
    for (std::size_t k = 0; k < cols; k += 16) {
      a0 = _mm256_add_ps(a0, _mm256_mul_ps(Format::load(rows, k), _mm256_loadu_ps(x + k)));
      a1 = _mm256_add_ps(a1, _mm256_mul_ps(Format::load(rows, k + 8), _mm256_loadu_ps(x + k + 8)));
    }
    out[r] = combine(a0, a1);
  }
}

}  // namespace

namespace ryz {

constinit const HeadTable head_avx2{.needs = kCompiledIsa,
                                    .q6k_rows = q6k_rows,
                                    .f32_rows = real_rows<F32>,
                                    .f16_rows = real_rows<F16>,
                                    .bf16_rows = real_rows<BF16>,
                                    .q80_rows = real_rows<Q80>};

}  // namespace ryz
