// quad-x256 by vpermi2b: a group's table is four registers, a lane is a row, 64 rows a register.
//
// Tables. T + 512 = 32·high + low, a byte each: low in 0..31, high in 0..32. Sums of seven groups
// are at most 7·31 = 217 and 7·32 = 224, so both fit a byte; vpmaddubsw puts them together again.
//
// Ranges. Its words are at most 217 + 32·224 = 7385, the sums of seven T + 512. Int16 sums wrap
// around freely meanwhile: they begin at -512 a group, so what is left after a block is Σ T, in
// magnitude at most 512 a group.
#include "kernels/encodings/quad.h"
#include "kernels/encodings/quad_x256.h"
#include "kernels/kernel.h"
#include "kernels/variants/x256_avx512.h"

namespace ryz {
namespace {

constexpr std::size_t kBiasOfEntry = 512;

std::size_t groups_of(std::size_t cols) { return (cols + kQuadCols - 1) / kQuadCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kX256TableBytes;
}

// The weights of 16 codes a register, and what turns Σ w·(q + 128) into T + 512. Codes lie so that
// they are in order once packed from dwords to bytes: four registers for the codes 0..63, two for
// 64..95, of which those past 80 are never looked up.
struct CodeWeights {
  alignas(64) std::int8_t weights[6][64] = {};
  alignas(64) std::int32_t start[6][16] = {};

  constexpr CodeWeights() {
    for (unsigned i = 0; i < 6; ++i) {
      for (unsigned lane = 0; lane < 16; ++lane) {
        unsigned code = i < 4 ? 16 * (lane / 4) + 4 * i + lane % 4
                              : 64 + 8 * (lane / 4) + 4 * (i - 4) + lane % 4;
        std::int32_t sum = 0;
        for (unsigned j = 0; j < 4; ++j) {
          const int w = static_cast<int>(code % 3) - 1;
          weights[i][4 * lane + j] = static_cast<std::int8_t>(w);
          sum += w;
          code /= 3;
        }
        start[i][lane] = static_cast<std::int32_t>(kBiasOfEntry) - 128 * sum;
      }
    }
  }
};
constexpr CodeWeights kCodes;

// CodeWeights in registers: from memory they would be twelve loads a group.
struct HeldWeights {
  __m512i weights[6];
  __m512i start[6];

  HeldWeights() {
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) {
      weights[i] = _mm512_load_si512(kCodes.weights[i]);
      start[i] = _mm512_load_si512(kCodes.start[i]);
      // Or g++ 12 takes the constants from memory all the same.
      asm("" : "+v"(weights[i]), "+v"(start[i]));
    }
  }
};

inline void build_group(const HeldWeights& held, const std::int8_t* q, std::uint8_t* table) {
  const __m512i a = _mm512_xor_si512(broadcast_dword(q), _mm512_set1_epi8(-128));
  __m512i sums[6];
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) sums[i] = _mm512_dpbusd_epi32(held.start[i], a, held.weights[i]);
  __m512i low[3];
  __m512i high[3];
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    const __m512i words = _mm512_packus_epi32(sums[2 * i], sums[2 * i + 1]);
    low[i] = _mm512_and_si512(words, _mm512_set1_epi16(31));
    high[i] = _mm512_srli_epi16(words, 5);
  }
  _mm512_store_si512(table, _mm512_packus_epi16(low[0], low[1]));
  _mm512_store_si512(table + 64, _mm512_zextsi256_si512(_mm512_cvtepi16_epi8(low[2])));
  _mm512_store_si512(table + 128, _mm512_packus_epi16(high[0], high[1]));
  _mm512_store_si512(table + 192, _mm512_zextsi256_si512(_mm512_cvtepi16_epi8(high[2])));
}

struct Quads {
  static constexpr std::size_t kCols = kQuadCols;
  static constexpr std::size_t kBias = kBiasOfEntry;
  static constexpr std::size_t kStep = 7;
  static constexpr std::size_t kBlock = kQuadX256BlockGroups;
  static constexpr std::size_t kPart = 21;
  static constexpr std::size_t kTokens = 5;
  static_assert(kBlock * kBias <= 32767 && kStep * 32 <= 255);

  // Activations are readable, and zero, to the end of the last group.
  template <class Ahead>
  static inline void build(const std::int8_t* q, std::size_t /*cols*/, GroupRange groups,
                           std::uint8_t* tables, Ahead ahead) {
    const HeldWeights held;
    for (std::size_t g = groups.begin; g < groups.end; ++g, tables += kX256TableBytes) {
      build_group(held, q + g * kQuadCols, tables);
      ahead();
    }
  }

  template <std::size_t kN, Prefetch kAsk>
  static inline void add_step(const std::uint8_t* codes, const std::uint8_t* tables, std::size_t n,
                              const char* ahead, WordSums& sums) {
    if constexpr (kN != 0) n = kN;
    __m512i low[4];
    __m512i high[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) low[v] = high[v] = _mm512_setzero_si512();
#pragma GCC unroll 7
    for (std::size_t i = 0; i < n; ++i) {
      const GroupTable table(tables + i * kX256TableBytes);
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const std::size_t at = i * kX256GroupBytes + 64 * v;
        __m512i c = load_codes(codes + at);
        ask_for<kAsk>(line_ahead(ahead, at), c);
        low[v] = _mm512_add_epi8(low[v], table.low(c));
        high[v] = _mm512_add_epi8(high[v], table.high(c));
        // Or g++ 12 adds the seven groups as a tree and spills what it holds meanwhile.
        asm("" : "+v"(low[v]), "+v"(high[v]));
      }
    }
    add_bytes<false>(low, high, sums);
  }
};

void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  build_x256<Quads>(activations, groups, table);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  multiply_x256<Quads>(weights, activations, table, rows, out, out_stride);
}

void multiply_columns(const PackedView& weights, const Activations& activations, GroupRange groups,
                      RowRange rows, std::int32_t* out) noexcept {
  tally_call(kCompiledIsa);
  multiply_x256_columns<Quads>(weights, activations, groups, rows, out);
}

}  // namespace

extern const Kernel kernel_quad_x256_avx512_vbmi;
constinit const Kernel kernel_quad_x256_avx512_vbmi{
    .name = "avx512-vbmi",
    .encoding = &encoding_quad_x256,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
    .multiply_columns = multiply_columns,
};

}  // namespace ryz
