// Rows of the output head with AVX2: flags are set on this file alone, see CMakeLists.txt.
#include <immintrin.h>

#include "kernels/variants/prefetch.h"
#include "model/head_table.h"
#include "model/q6k_tiles.h"

namespace {

inline __m256i broadcast(const void* dword) {
  int x;
  __builtin_memcpy(&x, dword, sizeof x);
  return _mm256_set1_epi32(x);
}

// 8 rows × 16 columns: the sums of the codes' products with the step's 16 activations, and its
// offset. Products of a pair and of two pairs fit 16 bits: 4·63·127.
inline __m256i step_sums(__m256i a, __m256i b, __m256i c, const __m256i (&q)[4], __m256i offset) {
  const __m256i six = _mm256_set1_epi8(0x3f);
  const __m256i d = _mm256_or_si256(
      _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a, 6), _mm256_set1_epi8(0x03)),
                      _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(0x0c))),
      _mm256_and_si256(_mm256_srli_epi16(c, 2), _mm256_set1_epi8(0x30)));
  const __m256i ab = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(a, six), q[0]),
                                      _mm256_maddubs_epi16(_mm256_and_si256(b, six), q[1]));
  const __m256i cd = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(c, six), q[2]),
                                      _mm256_maddubs_epi16(d, q[3]));
  const __m256i one = _mm256_set1_epi16(1);
  return _mm256_add_epi32(offset,
                          _mm256_add_epi32(_mm256_madd_epi16(ab, one), _mm256_madd_epi16(cd, one)));
}

inline __m256i load_half(const std::uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}

// A quarter of a block: 16 rows × 64 columns.
template <ryz::Prefetch kAsk>
inline void add_quarter(const std::uint8_t* quarter, const std::int8_t* q,
                        const std::int32_t* offsets, __m256i (&products)[2]) {
  ryz::ask_ahead<kAsk>(quarter, products[0]);
  const std::uint8_t* scales = quarter;
  const std::uint8_t* codes = quarter + ryz::kQ6kSteps * ryz::kQ6kTileRows;
  for (std::size_t s = 0; s < ryz::kQ6kSteps; ++s) {
    const __m256i x[4] = {broadcast(q), broadcast(q + 4), broadcast(q + 8), broadcast(q + 12)};
    const __m256i offset = broadcast(offsets + s);
#pragma GCC unroll 2
    for (std::size_t half = 0; half < 2; ++half) {
      const std::uint8_t* const at = codes + 32 * half;
      const __m256i sums =
          step_sums(load_half(at), load_half(at + 64), load_half(at + 128), x, offset);
      const __m256i scale = _mm256_cvtepi8_epi32(
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales + 8 * half)));
      products[half] = _mm256_add_epi32(products[half], _mm256_mullo_epi32(sums, scale));
    }
    ryz::ask_ahead<kAsk>(codes, products[0]);
    ryz::ask_ahead<kAsk>(codes + 64, products[0]);
    ryz::ask_ahead<kAsk>(codes + 128, products[1]);
    scales += ryz::kQ6kTileRows;
    codes += ryz::kQ6kStepBytes;
    q += ryz::kQ6kStepCols;
  }
}

template <ryz::Prefetch kAsk>
inline void multiply_tile(const std::uint8_t* tile, const ryz::Q6kInput& input, float* out) {
  const std::size_t head_bytes = ryz::q6k_tile_head_bytes(input.blocks);
  for (std::size_t i = 0; i < head_bytes; i += 64) _mm_prefetch(tile + i, _MM_HINT_T0);
  const std::uint8_t* quarter = tile + head_bytes;
  const std::int8_t* q = input.q;
  const std::int32_t* offsets = input.offsets;
  __m256 sums[4][2];
  for (auto& sum : sums) sum[0] = sum[1] = _mm256_setzero_ps();
  for (std::size_t b = 0; b < input.blocks; ++b) {
    __m256i products[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (std::size_t i = 0; i < ryz::kQ6kQuarters; ++i) {
      add_quarter<kAsk>(quarter, q, offsets, products);
      quarter += ryz::kQ6kQuarterBytes;
      q += ryz::kQ6kSteps * ryz::kQ6kStepCols;
      offsets += ryz::kQ6kSteps;
    }
#pragma GCC unroll 2
    for (std::size_t half = 0; half < 2; ++half) {
      const __m256 d = _mm256_cvtph_ps(_mm_load_si128(
          reinterpret_cast<const __m128i*>(tile + b * ryz::kQ6kTileDBytes + 16 * half)));
      const __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps(input.scales[b]));
      sums[b % 4][half] = _mm256_add_ps(sums[b % 4][half],
                                        _mm256_mul_ps(scale, _mm256_cvtepi32_ps(products[half])));
    }
  }
#pragma GCC unroll 2
  for (std::size_t half = 0; half < 2; ++half) {
    _mm256_storeu_ps(out + 8 * half, _mm256_add_ps(_mm256_add_ps(sums[0][half], sums[1][half]),
                                                   _mm256_add_ps(sums[2][half], sums[3][half])));
  }
}

// Other kernels for AVX2 ask for codes on every core; this one reads lines as they lie, and does so
// little for each that a Zen 4 was a seventh slower where it asked.
void q6k_tile(const std::uint8_t* tile, const ryz::Q6kInput* input, float* out) {
  ryz::with_prefetch(ryz::stream_prefetch(),
                     [&](auto ask) { multiply_tile<decltype(ask)::value>(tile, *input, out); });
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
                                    .q6k_tile = q6k_tile,
                                    .f32_rows = real_rows<F32>,
                                    .f16_rows = real_rows<F16>,
                                    .bf16_rows = real_rows<BF16>,
                                    .q80_rows = real_rows<Q80>};

}  // namespace ryz
