// Rows of the output head with AVX-512 VNNI: flags are set on this file alone, see CMakeLists.txt.
#include <immintrin.h>

#include "kernels/variants/prefetch.h"
#include "model/head_table.h"
#include "model/q6k_tiles.h"

namespace {

// A vector of codes, and the one far ahead asked for.
template <ryz::Prefetch kAsk>
inline __m512i load_line(const std::uint8_t* line) {
  __m512i v = _mm512_load_si512(line);
  // Hidden from the compiler, which would otherwise load the register for each of its uses.
  asm("" : "+v"(v));
  ryz::ask_ahead<kAsk>(line, v);
  return v;
}

inline __m512i broadcast(const void* dword) {
  int x;
  __builtin_memcpy(&x, dword, sizeof x);
  return _mm512_set1_epi32(x);
}

// A quarter of a block: 16 rows × 64 columns. A step's sum is at most 16·63·127 + 32·16·127, times
// a scale, 16 such: below 2^29.
template <ryz::Prefetch kAsk>
inline __m512i add_quarter(__m512i product, const std::uint8_t* quarter, const std::int8_t* q,
                           const std::int32_t* offsets) {
  const __m512i six = _mm512_set1_epi8(0x3f);
  const __m512i two = _mm512_set1_epi8(3);
  const __m512i four = _mm512_set1_epi8(15);
  ryz::ask_ahead<kAsk>(quarter, product);
  const std::uint8_t* codes = quarter + ryz::kQ6kSteps * ryz::kQ6kTileRows;
#pragma GCC unroll 4
  for (std::size_t s = 0; s < ryz::kQ6kSteps; ++s) {
    const __m512i a = load_line<kAsk>(codes);
    const __m512i b = load_line<kAsk>(codes + 64);
    const __m512i c = load_line<kAsk>(codes + 128);
    // 0xca: where the mask has ones the second operand, else the third.
    __m512i d =
        _mm512_ternarylogic_epi64(two, _mm512_srli_epi16(a, 6), _mm512_srli_epi16(b, 4), 0xca);
    d = _mm512_ternarylogic_epi64(four, d, _mm512_srli_epi16(c, 2), 0xca);
    __m512i sum = broadcast(offsets + s);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(a, six), broadcast(q));
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(b, six), broadcast(q + 4));
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(c, six), broadcast(q + 8));
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(d, six), broadcast(q + 12));
    const __m512i scales = _mm512_cvtepi8_epi32(
        _mm_load_si128(reinterpret_cast<const __m128i*>(quarter + s * ryz::kQ6kTileRows)));
    product = _mm512_add_epi32(product, _mm512_mullo_epi32(sum, scales));
    codes += ryz::kQ6kStepBytes;
    q += ryz::kQ6kStepCols;
  }
  return product;
}

template <ryz::Prefetch kAsk>
inline void multiply_tile(const std::uint8_t* tile, const ryz::Q6kInput& input, float* out) {
  const std::size_t head_bytes = ryz::q6k_tile_head_bytes(input.blocks);
  // Read here and there while the codes are; so they are not.
  for (std::size_t i = 0; i < head_bytes; i += 64) _mm_prefetch(tile + i, _MM_HINT_T0);
  const std::uint8_t* quarter = tile + head_bytes;
  const std::int8_t* q = input.q;
  const std::int32_t* offsets = input.offsets;
  __m512 sums[4];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (std::size_t b = 0; b < input.blocks; ++b) {
    __m512i product = _mm512_setzero_si512();
    for (std::size_t i = 0; i < ryz::kQ6kQuarters; ++i) {
      product = add_quarter<kAsk>(product, quarter, q, offsets);
      quarter += ryz::kQ6kQuarterBytes;
      q += ryz::kQ6kSteps * ryz::kQ6kStepCols;
      offsets += ryz::kQ6kSteps;
    }
    const __m512 d = _mm512_cvtph_ps(
        _mm256_load_si256(reinterpret_cast<const __m256i*>(tile + b * ryz::kQ6kTileDBytes)));
    const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(input.scales[b]));
    sums[b % 4] = _mm512_add_ps(sums[b % 4], _mm512_mul_ps(scale, _mm512_cvtepi32_ps(product)));
  }
  _mm512_storeu_ps(out,
                   _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

void q6k_tile(const std::uint8_t* tile, const ryz::Q6kInput* input, float* out) {
  ryz::with_prefetch(ryz::stream_prefetch(),
                     [&](auto ask) { multiply_tile<decltype(ask)::value>(tile, *input, out); });
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
                                      .q6k_tile = q6k_tile,
                                      .f32_rows = real_rows<F32>,
                                      .f16_rows = real_rows<F16>,
                                      .bf16_rows = real_rows<BF16>,
                                      .q80_rows = real_rows<Q80>};

}  // namespace ryz
