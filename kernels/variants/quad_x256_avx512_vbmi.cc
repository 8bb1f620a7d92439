// quad-x256 by vpermi2b: a group's table is four registers, a lane is a row, 64 rows a register.
//
// Tables. T + 512 = 32·high + low, a byte each: low in 0..31, high in 0..32. Sums of seven groups
// are at most 7·31 = 217 and 7·32 = 224, so both fit a byte; vpmaddubsw puts them together again.
//
// Ranges. Its words are at most 217 + 32·224 = 7385, the sums of seven T + 512. Int16 sums of a
// block wrap around freely: they begin at -512 a group, so what is left at its end is Σ T, at most
// 63·512 = 32256 in magnitude.
#include "kernels/cpu.h"
#include "kernels/encodings/quad.h"
#include "kernels/encodings/quad_x256.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kBias = 512;
constexpr std::size_t kStep = 7;  // groups between widenings to int16
constexpr std::size_t kTableBytes = 256;
// Groups between widenings to int32. One token: as many as int16 allows. Several: few enough for
// the tables of kTokens tokens to stay in the L1 cache while tiles of rows pass by.
constexpr std::size_t kOneTokenBlock = 63;
constexpr std::size_t kBlock = 28;
constexpr std::size_t kTokens = 4;
static_assert(kOneTokenBlock * kBias <= 32767 && kBlock <= kOneTokenBlock);
static_assert(kStep * 32 <= 255);

std::size_t groups_of(std::size_t cols) { return (cols + kQuadCols - 1) / kQuadCols; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens * groups_of(cols) * kTableBytes;
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
        start[i][lane] = static_cast<std::int32_t>(kBias) - 128 * sum;
      }
    }
  }
};
constexpr CodeWeights kCodes;

inline void build_group(const std::int8_t* q, std::uint8_t* table) {
  const __m512i a = _mm512_xor_si512(broadcast_dword(q), _mm512_set1_epi8(-128));
  __m512i sums[6];
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) {
    sums[i] = _mm512_dpbusd_epi32(_mm512_load_si512(kCodes.start[i]), a,
                                  _mm512_load_si512(kCodes.weights[i]));
  }
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

// Activations are readable, and zero, to the end of the last group.
void build(const Activations& activations, GroupRange groups, void* table) noexcept {
  const std::size_t all = groups_of(activations.cols);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    auto* tables = static_cast<std::uint8_t*>(table) + t * all * kTableBytes;
    for (std::size_t g = groups.begin; g < groups.end; ++g) {
      build_group(q + g * kQuadCols, tables + g * kTableBytes);
    }
  }
}

// sums[v][half]: words of 64 rows v, int16.
using WordSums = __m512i[4][2];

// Entries c of the 128 bytes in two registers. Left to itself g++ 12 often takes vpermt2b, which
// overwrites half of the table, and then copies the table before each lookup.
inline __m512i lookup(__m512i entries0, __m512i entries1, __m512i c) {
  asm("vpermi2b %2, %1, %0" : "+v"(c) : "v"(entries0), "v"(entries1));
  return c;
}

// Adds `n` groups; kN of them where the compiler is to know it.
template <std::size_t kN>
inline void add_step(const std::uint8_t* codes, const std::uint8_t* tables, std::size_t n,
                     WordSums& sums) {
  if constexpr (kN != 0) n = kN;
  __m512i low[4];
  __m512i high[4];
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) low[v] = high[v] = _mm512_setzero_si512();
#pragma GCC unroll 7
  for (std::size_t i = 0; i < n; ++i) {
    const __m512i low0 = _mm512_load_si512(tables + i * kTableBytes);
    const __m512i low1 = _mm512_load_si512(tables + i * kTableBytes + 64);
    const __m512i high0 = _mm512_load_si512(tables + i * kTableBytes + 128);
    const __m512i high1 = _mm512_load_si512(tables + i * kTableBytes + 192);
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      __m512i c = _mm512_loadu_si512(codes + i * kQuadX256GroupBytes + 64 * v);
      // Hidden from the compiler, which would otherwise load the codes once for each lookup.
      asm("" : "+v"(c));
      low[v] = _mm512_add_epi8(low[v], lookup(low0, low1, c));
      high[v] = _mm512_add_epi8(high[v], lookup(high0, high1, c));
      // Or g++ 12 adds the seven groups as a tree and spills what it holds meanwhile.
      asm("" : "+v"(low[v]), "+v"(high[v]));
    }
  }
  const __m512i places = _mm512_set1_epi16(32 << 8 | 1);
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    const __m512i first = _mm512_unpacklo_epi8(low[v], high[v]);
    const __m512i second = _mm512_unpackhi_epi8(low[v], high[v]);
    sums[v][0] = _mm512_add_epi16(sums[v][0], _mm512_maddubs_epi16(first, places));
    sums[v][1] = _mm512_add_epi16(sums[v][1], _mm512_maddubs_epi16(second, places));
  }
}

// out = or += 16 sums, of which `live` exist.
template <bool kWhole, bool kFirst>
inline void put(__m512i sums, std::size_t live, std::int32_t* out) {
  if constexpr (kWhole) {
    if constexpr (!kFirst) sums = _mm512_add_epi32(sums, _mm512_loadu_si512(out));
    _mm512_storeu_si512(out, sums);
  } else {
    if (live == 0) return;
    const auto mask = static_cast<__mmask16>(live < 16 ? (1u << live) - 1 : 0xFFFFu);
    if constexpr (!kFirst) sums = _mm512_add_epi32(sums, _mm512_maskz_loadu_epi32(mask, out));
    _mm512_mask_storeu_epi32(out, mask, sums);
  }
}

template <bool kWhole, bool kFirst>
inline void store_sums(const WordSums& sums, std::size_t live, std::int32_t* out) {
#pragma GCC unroll 8
  for (std::size_t i = 0; i < 8; ++i) {
    const __m512i words = sums[i / 2][i % 2];
    const std::size_t first = 32 * i;
    const std::size_t left = live > first ? live - first : 0;
    put<kWhole, kFirst>(_mm512_srai_epi32(_mm512_slli_epi32(words, 16), 16), left, out + first);
    put<kWhole, kFirst>(_mm512_srai_epi32(words, 16), left > 16 ? left - 16 : 0, out + first + 16);
  }
}

// A block of groups times a tile's rows, one token.
struct Block {
  const std::uint8_t* codes;
  const std::uint8_t* tables;
  std::size_t groups;
  std::size_t live;  // rows
  bool first;        // of the row's blocks
};

inline void put_block(const Block& block, const WordSums& sums, std::int32_t* out) {
  if (block.live == kQuadX256Rows) {
    if (block.first) {
      store_sums<true, true>(sums, block.live, out);
    } else {
      store_sums<true, false>(sums, block.live, out);
    }
  } else if (block.first) {
    store_sums<false, true>(sums, block.live, out);
  } else {
    store_sums<false, false>(sums, block.live, out);
  }
}

// kStream: asks for the codes one step ahead, which at the block's end are those at `next`.
template <bool kStream>
inline void multiply_block(const Block& block, const std::uint8_t* next, std::int32_t* out) {
  WordSums sums;
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    sums[v][0] = sums[v][1] = _mm512_set1_epi16(static_cast<short>(-(kBias * block.groups)));
  }
  const std::uint8_t* codes = block.codes;
  const std::uint8_t* tables = block.tables;
  std::size_t left = block.groups;
  for (; left >= kStep; left -= kStep) {
    if constexpr (kStream) {
      const std::uint8_t* ahead = left >= 2 * kStep ? codes + kStep * kQuadX256GroupBytes : next;
#pragma GCC unroll 28
      for (std::size_t i = 0; i < kStep * kQuadX256GroupBytes; i += 64) prefetch_line(ahead, i);
    }
    add_step<kStep>(codes, tables, kStep, sums);
    codes += kStep * kQuadX256GroupBytes;
    tables += kStep * kTableBytes;
  }
  if (left != 0) add_step<0>(codes, tables, left, sums);
  put_block(block, sums, out);
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = groups_of(weights.cols);
  const bool one = activations.tokens == 1;
  const bool ask = !follows_streams();
  const std::size_t block_groups = one ? kOneTokenBlock : kBlock;
  for (std::size_t first = 0; first < activations.tokens; first += kTokens) {
    const std::size_t rest = activations.tokens - first;
    const std::size_t end = first + (rest < kTokens ? rest : kTokens);
    for (std::size_t g = 0; g < groups; g += block_groups) {
      const std::size_t n = groups - g < block_groups ? groups - g : block_groups;
      for (std::size_t r = rows.begin; r < rows.end; r += kQuadX256Rows) {
        const std::uint8_t* const codes =
            weights.data + r / kQuadX256Rows * weights.tile_bytes + g * kQuadX256GroupBytes;
        const std::size_t live = rows.end - r < kQuadX256Rows ? rows.end - r : kQuadX256Rows;
        for (std::size_t t = first; t < end; ++t) {
          const Block block{
              codes, static_cast<const std::uint8_t*>(table) + (t * groups + g) * kTableBytes, n,
              live, g == 0};
          std::int32_t* const to = out + t * out_stride + (r - rows.begin);
          // Later tokens find the codes in the L1 cache.
          if (t == first && ask) {
            multiply_block<true>(block, codes + weights.tile_bytes, to);
          } else {
            multiply_block<false>(block, nullptr, to);
          }
        }
      }
    }
  }
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
};

}  // namespace ryz
