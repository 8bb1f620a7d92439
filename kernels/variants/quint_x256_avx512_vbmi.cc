// quint-x256 by vpermi2b: a group's table is four registers, a lane is a row, 64 rows a register;
// the code's sign becomes a mask.
//
// Tables. T = 32·high + low, a signed byte each: low in -16..15, high in -20..20; |T| ≤ 640. Sums
// of six groups, each with its sign, are at most 96 and 120 in magnitude, so both fit a byte;
// vpmaddubsw puts them together again (the places are its unsigned operand).
//
// Ranges. Its words are the sums of six T, at most 3840 in magnitude. A block's int16 sums are at
// most 48·640 = 30720 in magnitude.
#include "kernels/encodings/quint.h"
#include "kernels/encodings/quint_x256.h"
#include "kernels/kernel.h"
#include "kernels/variants/x256_avx512.h"

namespace ryz {
namespace {

std::size_t groups_of(std::size_t cols) { return (cols + kQuintCols - 1) / kQuintCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kX256TableBytes;
}

// The first four weights of 16 values a register, and what turns Σ w·(q + 128) into T + 16. Values
// lie so that they are in order once packed from dwords to bytes. The fifth weight is 1 from 41 up
// (81 - 40) and 0 below.
struct ValueWeights {
  alignas(64) std::int8_t weights[8][64] = {};
  alignas(64) std::int32_t start[8][16] = {};
  __mmask16 fifth[8] = {};

  constexpr ValueWeights() {
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned lane = 0; lane < 16; ++lane) {
        const unsigned value = 64 * (i / 4) + 16 * (lane / 4) + 4 * (i % 4) + lane % 4;
        if (value >= 41) fifth[i] = static_cast<__mmask16>(fifth[i] | 1u << lane);
        unsigned code = value < kQuintX256Entries ? (value + kQuintZero) % 81 : 40;
        std::int32_t sum = 0;
        for (unsigned j = 0; j < 4; ++j) {
          const int w = static_cast<int>(code % 3) - 1;
          weights[i][4 * lane + j] = static_cast<std::int8_t>(w);
          sum += w;
          code /= 3;
        }
        start[i][lane] = 16 - 128 * sum;
      }
    }
  }
};
constexpr ValueWeights kValues;

inline void build_group(const std::int8_t* q, std::uint8_t* table) {
  const __m512i a = _mm512_xor_si512(broadcast_dword(q), _mm512_set1_epi8(-128));
  const __m512i last = _mm512_set1_epi32(q[4]);
  __m512i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    sums[i] = _mm512_dpbusd_epi32(_mm512_load_si512(kValues.start[i]), a,
                                  _mm512_load_si512(kValues.weights[i]));
    sums[i] = _mm512_mask_add_epi32(sums[i], kValues.fifth[i], sums[i], last);
  }
  __m512i low[4];
  __m512i high[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i words = _mm512_packs_epi32(sums[2 * i], sums[2 * i + 1]);
    low[i] = _mm512_and_si512(words, _mm512_set1_epi16(31));
    high[i] = _mm512_srai_epi16(words, 5);
  }
  const __m512i sixteen = _mm512_set1_epi8(16);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512i low_bytes = _mm512_packs_epi16(low[2 * i], low[2 * i + 1]);
    _mm512_store_si512(table + 64 * i, _mm512_sub_epi8(low_bytes, sixteen));
    _mm512_store_si512(table + 128 + 64 * i, _mm512_packs_epi16(high[2 * i], high[2 * i + 1]));
  }
}

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  const std::size_t all = groups_of(activations.cols);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    auto* tables = static_cast<std::uint8_t*>(table) + t * all * kX256TableBytes;
    for (std::size_t g = groups.begin; g < groups.end; ++g) {
      std::int8_t short_group[kQuintCols] = {};
      const std::int8_t* from = q + g * kQuintCols;
      if ((g + 1) * kQuintCols > activations.cols) {  // may end past the readable activations
        for (std::size_t i = 0; g * kQuintCols + i < activations.cols; ++i)
          short_group[i] = from[i];
        from = short_group;
      }
      build_group(from, tables + g * kX256TableBytes);
    }
  }
}

struct Quints {
  static constexpr std::size_t kCols = kQuintCols;
  static constexpr std::size_t kBias = 0;
  static constexpr std::size_t kStep = 6;
  static constexpr std::size_t kOneTokenBlock = 48;
  static constexpr std::size_t kBlock = 24;
  static constexpr std::size_t kTokens = 4;
  static_assert(kOneTokenBlock * 640 <= 32767 && kStep * 20 <= 127);

  template <std::size_t kN, Prefetch kAsk>
  static inline void add_step(const std::uint8_t* codes, const std::uint8_t* tables, std::size_t n,
                              const char* ahead, WordSums& sums) {
    if constexpr (kN != 0) n = kN;
    const __m512i zero = _mm512_setzero_si512();
    __m512i low[4];
    __m512i high[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) low[v] = high[v] = zero;
#pragma GCC unroll 6
    for (std::size_t i = 0; i < n; ++i) {
      const GroupTable table(tables + i * kX256TableBytes);
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const std::size_t at = i * kX256GroupBytes + 64 * v;
        __m512i c = load_codes(codes + at);
        ask_for<kAsk>(line_ahead(ahead, at), c);
        const __mmask64 minus = _mm512_movepi8_mask(c);
        const __m512i l = table.low(c);
        const __m512i h = table.high(c);
        low[v] = _mm512_add_epi8(low[v], _mm512_mask_sub_epi8(l, minus, zero, l));
        high[v] = _mm512_add_epi8(high[v], _mm512_mask_sub_epi8(h, minus, zero, h));
        // Or g++ 12 adds the groups as a tree and spills what it holds meanwhile.
        asm("" : "+v"(low[v]), "+v"(high[v]));
      }
    }
    add_bytes<true>(low, high, sums);
  }
};

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  multiply_x256<Quints>(weights, activations, table, rows, out, out_stride);
}

}  // namespace

extern const Kernel kernel_quint_x256_avx512_vbmi;
constinit const Kernel kernel_quint_x256_avx512_vbmi{
    .name = "avx512-vbmi",
    .encoding = &encoding_quint_x256,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
