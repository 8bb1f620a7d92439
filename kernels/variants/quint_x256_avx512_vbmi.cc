// quint-x256 by vpermi2b: a group's table is four registers, a lane is a row, 64 rows a register;
// the code's sign becomes a mask.
//
// Tables. T = 32·high + low, a signed byte each: low in -16..15, high in -20..20; |T| ≤ 640. Sums
// of six groups, each with its sign, are at most 96 and 120 in magnitude, so both fit a byte;
// vpmaddubsw puts them together again (the places are its unsigned operand).
//
// Ranges. Its words are the sums of six T, at most 3840 in magnitude. A block's int16 sums are at
// most 36·640 = 23040 in magnitude.
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

// The first four weights, each with 1 added, of 16 values a register. Values lie so that they are
// in order once packed from dwords to bytes. The fifth weight is 1 from 41 up (81 - 40) and 0
// below.
struct ValueWeights {
  alignas(64) std::uint8_t weights[8][64] = {};
  __mmask16 fifth[8] = {};

  constexpr ValueWeights() {
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned lane = 0; lane < 16; ++lane) {
        const unsigned value = 64 * (i / 4) + 16 * (lane / 4) + 4 * (i % 4) + lane % 4;
        if (value >= 41) fifth[i] = static_cast<__mmask16>(fifth[i] | 1u << lane);
        unsigned code = value < kQuintX256Entries ? (value + kQuintZero) % 81 : 40;
        for (unsigned j = 0; j < 4; ++j) {
          weights[i][4 * lane + j] = static_cast<std::uint8_t>(code % 3);
          code /= 3;
        }
      }
    }
  }
};
constexpr ValueWeights kValues;

// The weights in registers: from memory they would be eight loads a group.
struct HeldWeights {
  __m512i weights[8];

  HeldWeights() {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      weights[i] = _mm512_load_si512(kValues.weights[i]);
      // Or g++ 12 takes the constants from memory all the same.
      asm("" : "+v"(weights[i]));
    }
  }
};

inline void build_group(const HeldWeights& held, const std::int8_t* q, std::uint8_t* table) {
  const __m512i four = broadcast_dword(q);
  // T + 16 where the fifth weight is 0 and where it is 1, but for Σ (w + 1)·q.
  const __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), four);
  const __m512i without = _mm512_sub_epi32(_mm512_set1_epi32(16), sum);
  const __m512i with = _mm512_add_epi32(without, _mm512_set1_epi32(q[4]));
  __m512i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    sums[i] = _mm512_dpbusd_epi32(_mm512_mask_mov_epi32(without, kValues.fifth[i], with),
                                  held.weights[i], four);
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

struct Quints {
  static constexpr std::size_t kCols = kQuintCols;
  static constexpr std::size_t kBias = 0;
  static constexpr std::size_t kStep = 6;
  static constexpr std::size_t kBlock = kQuintX256BlockGroups;
  static constexpr std::size_t kPart = 18;
  static constexpr std::size_t kTokens = 5;
  static_assert(kBlock * 640 <= 32767 && kStep * 20 <= 127);

  template <class Ahead>
  static inline void build(const std::int8_t* q, std::size_t cols, GroupRange groups,
                           std::uint8_t* tables, Ahead ahead) {
    const HeldWeights held;
    for (std::size_t g = groups.begin; g < groups.end; ++g, tables += kX256TableBytes) {
      std::int8_t short_group[kQuintCols] = {};
      const std::int8_t* from = q + g * kQuintCols;
      if ((g + 1) * kQuintCols > cols) {  // may end past the readable activations
        for (std::size_t i = 0; g * kQuintCols + i < cols; ++i) short_group[i] = from[i];
        from = short_group;
      }
      build_group(held, from, tables);
      ahead();
    }
  }

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

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  build_x256<Quints>(activations, groups, table);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  multiply_x256<Quints>(weights, activations, table, rows, out, out_stride);
}

void multiply_columns(const PackedView& weights, const Activations& activations, GroupRange groups,
                      RowRange rows, std::int32_t* out) noexcept {
  tally_call(kCompiledIsa);
  multiply_x256_columns<Quints>(weights, activations, groups, rows, out);
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
    .multiply_columns = multiply_columns,
};

}  // namespace ryz
