// Rows of the output head with AVX-512 VNNI: flags are set on this file alone, see CMakeLists.txt.
#include <immintrin.h>

#include "kernels/variants/prefetch.h"
#include "model/head_table.h"

namespace {

constexpr std::size_t kBlockBytes = 210;  // model/q6k.h describes the block
constexpr std::size_t kHigh = 128;
constexpr std::size_t kScales = 192;
constexpr std::size_t kD = 208;

// One block's product in 16 partial sums.
//
// A half block's low bits are one vector: the low nibbles are its weights 0..63 in order, the high
// nibbles weights 64..127; the 32 bytes of high bits are doubled and shifted by 0 and 2. Products
// of 4 weights fit 16 bits (4·63·127), where one multiply-add brings in the scales. Weights are q -
// 32: 32 · Σ scale·Σx is taken off once a block.
//
// Whatever the prefetchers, a third of the bandwidth of a stream of such blocks stays unused where
// nothing asks ahead.
template <ryz::Prefetch kAsk>
inline __m512i q6k_block(const std::uint8_t* block, const std::int8_t* q,
                         const std::int16_t* sixteens) {
  const __m512i low_mask = _mm512_set1_epi8(0x0f);
  const __m512i six = _mm512_set1_epi8(0x3f);
  const __m512i left = _mm512_set_epi64(2, 2, 2, 2, 4, 4, 4, 4);
  const __m512i right = _mm512_set_epi64(2, 2, 2, 2, 0, 0, 0, 0);
  // Word i of half h: scales 8h + i/8 (four times) and 8h + 4 + i/8 (four times), as packs leaves
  // the products of a 128-bit lane.
  const __m512i spread0 = _mm512_set_epi16(7, 7, 7, 7, 3, 3, 3, 3, 6, 6, 6, 6, 2, 2, 2, 2,  //
                                           5, 5, 5, 5, 1, 1, 1, 1, 4, 4, 4, 4, 0, 0, 0, 0);
  const __m512i spread1 = _mm512_add_epi16(spread0, _mm512_set1_epi16(8));
  __m512i low[2];
  __m512i low4[2];
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    low[half] = _mm512_loadu_si512(block + 64 * half);
    low4[half] = _mm512_srli_epi16(low[half], 4);
  }
  const __m512i both = _mm512_loadu_si512(block + kHigh);
  __m512i packed[2];
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i high =
        half == 0 ? _mm512_shuffle_i64x2(both, both, 0x44) : _mm512_shuffle_i64x2(both, both, 0xee);
    // 0xca: where the mask has ones the second operand, else the third.
    __m512i a = _mm512_and_si512(
        _mm512_ternarylogic_epi64(low_mask, low[half], _mm512_sllv_epi64(high, left), 0xca), six);
    const __m512i b = _mm512_and_si512(
        _mm512_ternarylogic_epi64(low_mask, low4[half], _mm512_srlv_epi64(high, right), 0xca), six);
    ryz::ask_ahead<kAsk>(block + 128 * half, a);
    const __m512i pa =
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), a, _mm512_loadu_si512(q + 128 * half));
    __m512i pb =
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), b, _mm512_loadu_si512(q + 128 * half + 64));
    ryz::ask_ahead<kAsk>(block + 128 * half + 64, pb);
    packed[half] = _mm512_packs_epi32(pa, pb);
  }
  const __m256i sixteen_scales =
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + kScales)));
  const __m512i scales = _mm512_castsi256_si512(sixteen_scales);
  const __m256i offset = _mm256_slli_epi32(
      _mm256_madd_epi16(sixteen_scales,
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sixteens))),
      5);
  __m512i sum = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_zextsi256_si512(offset));
  sum = _mm512_add_epi32(sum,
                         _mm512_madd_epi16(packed[0], _mm512_permutexvar_epi16(spread0, scales)));
  return _mm512_add_epi32(sum,
                          _mm512_madd_epi16(packed[1], _mm512_permutexvar_epi16(spread1, scales)));
}

inline int half_bits(const std::uint8_t* block) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, block + kD, 2);
  return bits;
}

// Four vectors' sums.
inline __m128i sums_of(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i abcd =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i eight =
      _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
}

template <ryz::Prefetch kAsk>
void q6k_rows_asking(const std::uint8_t* rows, std::size_t count, const ryz::Q6kInput* input,
                     float* out) {
  const std::size_t blocks = input->blocks;
  for (std::size_t r = 0; r < count; ++r) {
    __m128 sums = _mm_setzero_ps();
    const std::int8_t* q = input->q;
    const std::int16_t* sixteens = input->sixteens;
    for (std::size_t b = 0; b < blocks; b += 4) {
      const std::size_t n = blocks - b < 4 ? blocks - b : 4;
      __m512i product[4] = {};
      __m128i halves = _mm_setzero_si128();
      if (n == 4) {
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
          product[i] = q6k_block<kAsk>(rows + i * kBlockBytes, q + 256 * i, sixteens + 16 * i);
        }
        halves = _mm_insert_epi16(halves, half_bits(rows), 0);
        halves = _mm_insert_epi16(halves, half_bits(rows + kBlockBytes), 1);
        halves = _mm_insert_epi16(halves, half_bits(rows + 2 * kBlockBytes), 2);
        halves = _mm_insert_epi16(halves, half_bits(rows + 3 * kBlockBytes), 3);
      } else {
        product[0] = q6k_block<kAsk>(rows, q, sixteens);
        halves = _mm_insert_epi16(halves, half_bits(rows), 0);
        if (n > 1) {
          product[1] = q6k_block<kAsk>(rows + kBlockBytes, q + 256, sixteens + 16);
          halves = _mm_insert_epi16(halves, half_bits(rows + kBlockBytes), 1);
        }
        if (n > 2) {
          product[2] = q6k_block<kAsk>(rows + 2 * kBlockBytes, q + 512, sixteens + 32);
          halves = _mm_insert_epi16(halves, half_bits(rows + 2 * kBlockBytes), 2);
        }
      }
      const __m128 products =
          _mm_cvtepi32_ps(sums_of(product[0], product[1], product[2], product[3]));
      const __m128 scale = _mm_mul_ps(_mm_cvtph_ps(halves), _mm_loadu_ps(input->scales + b));
      sums = _mm_add_ps(sums, _mm_mul_ps(scale, products));
      rows += n * kBlockBytes;
      q += 256 * n;
      sixteens += 16 * n;
    }
    const __m128 pairs = _mm_add_ps(sums, _mm_movehdup_ps(sums));
    out[r] = _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehl_ps(pairs, pairs)));
  }
}

void q6k_rows(const std::uint8_t* rows, std::size_t count, const ryz::Q6kInput* input, float* out) {
  ryz::with_prefetch(ryz::certain_prefetch(), [&](auto ask) {
    q6k_rows_asking<decltype(ask)::value>(rows, count, input, out);
  });
}

// (s, s+8), (s, s+4), (s, s+2), (s, s+1).
inline float combine(__m512 sums) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps(sums, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

constexpr std::size_t kQ80Bytes = 34;  // of a block: a half d, 32 int8

struct F32 {
  static std::size_t bytes(std::size_t cols) { return 4 * cols; }
  static __m512 load(const std::uint8_t* row, std::size_t k) {
    return _mm512_loadu_ps(row + 4 * k);
  }
};
struct F16 {
  static std::size_t bytes(std::size_t cols) { return 2 * cols; }
  static __m512 load(const std::uint8_t* row, std::size_t k) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 2 * k)));
  }
};
struct BF16 {
  static std::size_t bytes(std::size_t cols) { return 2 * cols; }
  static __m512 load(const std::uint8_t* row, std::size_t k) {
    const __m256i upper = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 2 * k));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16));
  }
};
struct Q80 {
  static std::size_t bytes(std::size_t cols) { return cols / 32 * kQ80Bytes; }
  static __m512 load(const std::uint8_t* row, std::size_t k) {
    const std::uint8_t* block = row + k / 32 * kQ80Bytes;
    std::uint16_t half;
    __builtin_memcpy(&half, block, 2);
    const __m512 d = _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<short>(half)));
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 2 + k % 32));
    return _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)));
  }
};

// Four rows at a time: one row's sums wait for each other.
template <class Format>
inline void real_rows(const std::uint8_t* rows, std::size_t count, std::size_t cols, const float* x,
                      float* out) {
  const std::size_t stride = Format::bytes(cols);
  std::size_t r = 0;
  for (; r + 4 <= count; r += 4, rows += 4 * stride) {
    __m512 a = _mm512_setzero_ps();
    __m512 b = a;
    __m512 c = a;
    __m512 d = a;
    for (std::size_t k = 0; k < cols; k += 16) {
      const __m512 v = _mm512_loadu_ps(x + k);
      a = _mm512_add_ps(a, _mm512_mul_ps(Format::load(rows, k), v));
      b = _mm512_add_ps(b, _mm512_mul_ps(Format::load(rows + stride, k), v));
      c = _mm512_add_ps(c, _mm512_mul_ps(Format::load(rows + 2 * stride, k), v));
      d = _mm512_add_ps(d, _mm512_mul_ps(Format::load(rows + 3 * stride, k), v));
    }
    out[r] = combine(a);
    out[r + 1] = combine(b);
    out[r + 2] = combine(c);
    out[r + 3] = combine(d);
  }
  for (; r < count; ++r, rows += stride) {
    __m512 a = _mm512_setzero_ps();
    for (std::size_t k = 0; k < cols; k += 16) {
      a = _mm512_add_ps(a, _mm512_mul_ps(Format::load(rows, k), _mm512_loadu_ps(x + k)));
    }
    out[r] = combine(a);
  }
}

}  // namespace

namespace ryz {

constinit const HeadTable head_avx512{.needs = kCompiledIsa,
                                      .q6k_rows = q6k_rows,
                                      .f32_rows = real_rows<F32>,
                                      .f16_rows = real_rows<F16>,
                                      .bf16_rows = real_rows<BF16>,
                                      .q80_rows = real_rows<Q80>};

}  // namespace ryz
