// Lookups of a byte code of 256 interleaved rows by vpermi2b: a group's table is four registers
// (128 entries of two bytes), a lane is a row, 64 rows a register. What a code is and how its entry
// is added belong to the including file: its `Codes` (see multiply_x256).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu.h"
#include "kernels/encodings/x256.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kX256TableBytes = 256;

// sums[v][half]: words of 64 rows v, int16.
using WordSums = __m512i[4][2];

// Entries c of the 128 bytes in two registers. Left to itself g++ 12 often takes vpermt2b, which
// overwrites half of the table, and then copies the table before each lookup.
inline __m512i lookup(__m512i entries0, __m512i entries1, __m512i c) {
  asm("vpermi2b %2, %1, %0" : "+v"(c) : "v"(entries0), "v"(entries1));
  return c;
}

// 64 codes. Hidden from the compiler, which would otherwise load them once for each lookup.
inline __m512i load_codes(const std::uint8_t* codes) {
  __m512i c = _mm512_loadu_si512(codes);
  asm("" : "+v"(c));
  return c;
}

// A group's table: the two bytes of 128 entries.
struct GroupTable {
  __m512i low0, low1, high0, high1;

  explicit GroupTable(const std::uint8_t* p)
      : low0(_mm512_load_si512(p)),
        low1(_mm512_load_si512(p + 64)),
        high0(_mm512_load_si512(p + 128)),
        high1(_mm512_load_si512(p + 192)) {}

  __m512i low(__m512i c) const { return lookup(low0, low1, c); }
  __m512i high(__m512i c) const { return lookup(high0, high1, c); }
};

// sums += 32·high + low of 64 rows a register. vpmaddubsw's first operand is the unsigned one.
template <bool kSignedBytes>
inline void add_bytes(const __m512i (&low)[4], const __m512i (&high)[4], WordSums& sums) {
  const __m512i places = _mm512_set1_epi16(32 << 8 | 1);
  const auto words = [&](__m512i bytes) {
    return kSignedBytes ? _mm512_maddubs_epi16(places, bytes) : _mm512_maddubs_epi16(bytes, places);
  };
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    sums[v][0] = _mm512_add_epi16(sums[v][0], words(_mm512_unpacklo_epi8(low[v], high[v])));
    sums[v][1] = _mm512_add_epi16(sums[v][1], words(_mm512_unpackhi_epi8(low[v], high[v])));
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
  if (block.live == kX256Rows) {
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
template <class Codes, bool kStream>
inline void multiply_block(const Block& block, const std::uint8_t* next, std::int32_t* out) {
  constexpr std::size_t kStepBytes = Codes::kStep * kX256GroupBytes;
  WordSums sums;
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    sums[v][0] = sums[v][1] = _mm512_set1_epi16(static_cast<short>(-(Codes::kBias * block.groups)));
  }
  const std::uint8_t* codes = block.codes;
  const std::uint8_t* tables = block.tables;
  std::size_t left = block.groups;
  for (; left >= Codes::kStep; left -= Codes::kStep) {
    if constexpr (kStream) {
      const std::uint8_t* ahead = left >= 2 * Codes::kStep ? codes + kStepBytes : next;
#pragma GCC unroll 28
      for (std::size_t i = 0; i < kStepBytes; i += 64) prefetch_line(ahead, i);
    }
    Codes::template add_step<Codes::kStep>(codes, tables, Codes::kStep, sums);
    codes += kStepBytes;
    tables += Codes::kStep * kX256TableBytes;
  }
  if (left != 0) Codes::template add_step<0>(codes, tables, left, sums);
  put_block(block, sums, out);
}

// Kernel::multiply. Codes gives
//   kCols          columns a group
//   kBias          what an entry is too large by
//   kStep          groups whose sums fit bytes
//   kOneTokenBlock groups between widenings to int32 where there is one token: as many as int16
//                  allows; a multiple of kStep
//   kTokens        tokens that pass a block's tiles together, where there are several
//   kBlock         groups between widenings then: few enough for the tables of kTokens tokens to
//                  stay in the L1 cache while tiles of rows pass by
//   add_step<kN>(codes, tables, n, sums): adds n groups to int16 sums; kN != 0: n = kN
template <class Codes>
inline void multiply_x256(const PackedView& weights, const Activations& activations,
                          const void* table, RowRange rows, std::int32_t* out,
                          std::size_t out_stride) {
  static_assert(Codes::kOneTokenBlock % Codes::kStep == 0 &&
                Codes::kBlock <= Codes::kOneTokenBlock);
  const std::size_t groups = (weights.cols + Codes::kCols - 1) / Codes::kCols;
  const std::size_t block_groups = activations.tokens == 1 ? Codes::kOneTokenBlock : Codes::kBlock;
  const bool ask = !follows_streams();
  for (std::size_t first = 0; first < activations.tokens; first += Codes::kTokens) {
    const std::size_t rest = activations.tokens - first;
    const std::size_t end = first + (rest < Codes::kTokens ? rest : Codes::kTokens);
    for (std::size_t g = 0; g < groups; g += block_groups) {
      const std::size_t n = groups - g < block_groups ? groups - g : block_groups;
      for (std::size_t r = rows.begin; r < rows.end; r += kX256Rows) {
        const std::uint8_t* const codes =
            weights.data + r / kX256Rows * weights.tile_bytes + g * kX256GroupBytes;
        const std::size_t live = rows.end - r < kX256Rows ? rows.end - r : kX256Rows;
        for (std::size_t t = first; t < end; ++t) {
          const Block block{
              codes, static_cast<const std::uint8_t*>(table) + (t * groups + g) * kX256TableBytes,
              n, live, g == 0};
          std::int32_t* const to = out + t * out_stride + (r - rows.begin);
          // Later tokens find the codes in the L1 cache.
          if (t == first && ask) {
            multiply_block<Codes, true>(block, codes + weights.tile_bytes, to);
          } else {
            multiply_block<Codes, false>(block, nullptr, to);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ryz
