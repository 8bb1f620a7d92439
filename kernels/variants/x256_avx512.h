// Lookups of a byte code of 256 interleaved rows by vpermi2b: a group's table is four registers
// (128 entries of two bytes), a lane is a row, 64 rows a register. What a code is and how its entry
// is added belong to the including file: its `Codes` (see multiply_x256).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encodings/x256.h"
#include "kernels/kernel.h"
#include "kernels/scratch.h"
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

// Groups of a tile's rows, one token.
struct Block {
  const std::uint8_t* codes;
  const std::uint8_t* tables;
  std::size_t groups;
};

// Sums of groups begin at what their entries are too large by.
template <class Codes>
inline __m512i start_of(std::size_t groups) {
  return _mm512_set1_epi16(static_cast<short>(-static_cast<int>(Codes::kBias * groups)));
}

// kAsk: where codes far ahead are asked for; past the block's end they are those at `next`.
template <class Codes, Prefetch kAsk>
inline void add_groups(const Block& block, const std::uint8_t* next, WordSums& sums) {
  constexpr std::size_t kStepBytes = Codes::kStep * kX256GroupBytes;
  constexpr std::size_t kFarSteps = (kFarAhead + kStepBytes - 1) / kStepBytes;
  const std::size_t steps = block.groups / Codes::kStep;
  const std::size_t far = (steps < kFarSteps ? steps : kFarSteps) * Codes::kStep;
  const std::uint8_t* codes = block.codes;
  const std::uint8_t* tables = block.tables;
  std::size_t left = block.groups;
  for (; left >= Codes::kStep; left -= Codes::kStep) {
    const char* const ahead = left > far ? line_ahead(codes, far * kX256GroupBytes)
                                         : line_ahead(next, (far - left) * kX256GroupBytes);
    Codes::template add_step<Codes::kStep, kAsk>(codes, tables, Codes::kStep, ahead, sums);
    codes += kStepBytes;
    tables += Codes::kStep * kX256TableBytes;
  }
  if (left != 0) Codes::template add_step<0, Prefetch::kNone>(codes, tables, left, nullptr, sums);
}

// Where a tile's sums go: `live` of its rows, which hold earlier blocks' sums but for the first.
struct Destination {
  std::int32_t* out;
  std::size_t live;
  bool first;
};

inline void put(const Destination& to, const WordSums& sums) {
  if (to.live == kX256Rows) {
    if (to.first) {
      store_sums<true, true>(sums, to.live, to.out);
    } else {
      store_sums<true, false>(sums, to.live, to.out);
    }
  } else if (to.first) {
    store_sums<false, true>(sums, to.live, to.out);
  } else {
    store_sums<false, false>(sums, to.live, to.out);
  }
}

template <class Codes, Prefetch kAsk>
inline void multiply_block(const Block& block, const std::uint8_t* next, const Destination& to) {
  WordSums sums;
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) sums[v][0] = sums[v][1] = start_of<Codes>(block.groups);
  add_groups<Codes, kAsk>(block, next, sums);
  put(to, sums);
}

// The same where words pass from block to block: they are those at `words` unless kEmpty, and stay
// there unless kWiden. A function of its own, or g++ 12 spills registers in some of the four.
template <class Codes, Prefetch kAsk, bool kEmpty, bool kWiden>
[[gnu::noinline]] void multiply_block(const Block& block, const std::uint8_t* next, WordSums& words,
                                      const Destination& to) {
  const __m512i start = start_of<Codes>(block.groups);
  WordSums sums;
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      sums[v][half] = kEmpty ? start : _mm512_add_epi16(words[v][half], start);
    }
  }
  add_groups<Codes, kAsk>(block, next, sums);
  if constexpr (kWiden) {
    put(to, sums);
    return;
  }
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) words[v][half] = sums[v][half];
  }
}

// The codes that a pass over the tiles `rows` reads after those of groups [g, g + n) of the tile
// whose rows begin at r.
template <class Codes>
inline const std::uint8_t* codes_after(const PackedView& weights, RowRange rows, std::size_t r,
                                       std::size_t g, std::size_t n) {
  if (r + kX256Rows < rows.end) {
    return x256_codes<Codes::kBlock>(weights, r / kX256Rows + 1, g);
  }
  return x256_codes<Codes::kBlock>(weights, rows.begin / kX256Rows, g + n);
}

// Asks for the bytes at `codes`, two lines a call, which is a group's table built: building leaves
// memory idle. One line and three were no better.
class LinesAhead {
 public:
  LinesAhead(const std::uint8_t* codes, std::size_t bytes, Prefetch stream)
      : codes_(codes), bytes_(bytes), stream_(stream) {}

  void operator()() {
    if (at_ >= bytes_) return;
    prefetch_soon(codes_, at_, stream_);
    prefetch_soon(codes_, at_ + 64, stream_);
    at_ += 128;
  }

 private:
  const std::uint8_t* codes_;
  std::size_t bytes_;
  Prefetch stream_;
  std::size_t at_ = 0;
};

// Kernel::build.
template <class Codes>
inline void build_x256(const Activations& activations, GroupRange groups, void* table) {
  const std::size_t all = (activations.cols + Codes::kCols - 1) / Codes::kCols;
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    Codes::build(activations.q + t * activations.stride, activations.cols, groups,
                 static_cast<std::uint8_t*>(table) + (t * all + groups.begin) * kX256TableBytes,
                 [] {});
  }
}

// One token's passes over the tiles, a block of groups at a time. Sums stay words for as long as
// the Σ |q| of their columns, which bounds them, is a word: to widen them after each block is work
// that lookups wait for.
// What comes from the L2 cache costs a stream from memory as much as its own lines do: tables
// there, built before, were slower the fewer tiles shared them, and slower still where another core
// had built them. To ask for them ahead won nothing. To build the next block's tables between the
// tiles of a pass, all along or before the last ones, lost: each time the stream began anew.
template <class Codes>
class OneToken {
 public:
  // table: null where a block's is built before its pass.
  OneToken(const PackedView& weights, const Activations& activations, const void* table,
           GroupRange groups, RowRange rows, std::int32_t* out)
      : weights_(weights),
        q_(activations.q),
        cols_(activations.cols),
        tables_(static_cast<const std::uint8_t*>(table)),
        groups_(groups),
        rows_(rows),
        tiles_((rows.end - rows.begin + kX256Rows - 1) / kX256Rows),
        out_(out),
        words_(static_cast<WordSums*>(thread_scratch(tiles_ * sizeof(WordSums)))),
        prefetch_(stream_prefetch()) {}

  void operator()() {
    std::int32_t bound = magnitude(groups_.begin);
    bool empty = true;
    for (std::size_t g = groups_.begin; g < groups_.end; g = block_end(g)) {
      const std::size_t after = block_end(g);
      const std::int32_t next = magnitude(after);
      const bool widen = after == groups_.end || bound + next > 32767 || words_ == nullptr;
      if (empty) {
        widen ? pass<true, true>(g) : pass<true, false>(g);
      } else {
        widen ? pass<false, true>(g) : pass<false, false>(g);
      }
      bound = widen ? next : bound + next;
      empty = widen;
    }
  }

 private:
  // Where the block that group g is in ends, or the groups do.
  std::size_t block_end(std::size_t g) const {
    const std::size_t end = (g / Codes::kBlock + 1) * Codes::kBlock;
    return end < groups_.end ? end : groups_.end;
  }

  // Σ |q| of the block from group g on.
  std::int32_t magnitude(std::size_t g) const {
    if (g >= groups_.end) return 0;
    const std::size_t begin = g * Codes::kCols;
    const std::size_t after = block_end(g) * Codes::kCols;
    const std::size_t end = after < cols_ ? after : cols_;
    __m512i sums = _mm512_setzero_si512();
    for (std::size_t k = begin; k < end; k += 64) {
      const __mmask64 mask = end - k < 64 ? (std::uint64_t{1} << (end - k)) - 1 : ~std::uint64_t{0};
      const __m512i bytes = _mm512_abs_epi8(_mm512_maskz_loadu_epi8(mask, q_ + k));
      sums = _mm512_add_epi64(sums, _mm512_sad_epu8(bytes, _mm512_setzero_si512()));
    }
    return static_cast<std::int32_t>(_mm512_reduce_add_epi64(sums));
  }

  // Tables of groups [g, g + n).
  const std::uint8_t* tables_of(std::size_t g, std::size_t n) {
    if (tables_ != nullptr) return tables_ + g * kX256TableBytes;
    Codes::build(q_, cols_, {g, g + n}, built_,
                 LinesAhead(x256_codes<Codes::kBlock>(weights_, rows_.begin / kX256Rows, g),
                            tiles_ * n * kX256GroupBytes, prefetch_));
    return built_;
  }

  template <bool kEmpty, bool kWiden>
  void pass(std::size_t g) {
    const std::size_t n = block_end(g) - g;
    const std::uint8_t* const tables = tables_of(g, n);
    WordSums none;
    for (std::size_t r = rows_.begin; r < rows_.end; r += kX256Rows) {
      const std::size_t live = rows_.end - r < kX256Rows ? rows_.end - r : kX256Rows;
      const Block block{x256_codes<Codes::kBlock>(weights_, r / kX256Rows, g), tables, n};
      const Destination to{out_ + (r - rows_.begin), live, first_};
      WordSums& words = words_ == nullptr ? none : words_[(r - rows_.begin) / kX256Rows];
      with_prefetch(prefetch_, [&](auto ask) {
        multiply_block<Codes, decltype(ask)::value, kEmpty, kWiden>(
            block, codes_after<Codes>(weights_, rows_, r, g, n), words, to);
      });
    }
    if constexpr (kWiden) first_ = false;
  }

  const PackedView& weights_;
  const std::int8_t* q_;
  std::size_t cols_;
  const std::uint8_t* tables_;
  GroupRange groups_;
  RowRange rows_;
  std::size_t tiles_;
  std::int32_t* out_;
  WordSums* words_;  // one a tile; null: sums are widened after each block
  Prefetch prefetch_;
  bool first_ = true;  // nothing is widened yet
  alignas(64) std::uint8_t built_[Codes::kBlock * kX256TableBytes];
};

// Kernel::multiply_columns.
template <class Codes>
inline void multiply_x256_columns(const PackedView& weights, const Activations& activations,
                                  GroupRange groups, RowRange rows, std::int32_t* out) {
  if (groups.begin == groups.end) {
    for (std::size_t r = 0; r < rows.end - rows.begin; ++r) out[r] = 0;
    return;
  }
  OneToken<Codes>(weights, activations, nullptr, groups, rows, out)();
}

// Kernel::multiply. Codes gives
//   kCols    columns a group
//   kBias    what an entry is too large by
//   kStep    groups whose sums fit bytes
//   kBlock   groups of a block of the packed matrix and of one token's pass over the tiles: no more
//            than int16 allows; a multiple of kStep
//   kTokens  tokens that pass the tiles together, where there are several
//   kPart    groups of such a pass, after which sums are widened: few enough for the tables of
//            kTokens tokens to stay in the L1 cache; divides kBlock
//   build(q, cols, groups, tables, ahead)
//            tables of a token's groups; ahead() after each
//   add_step<kN, kAsk>(codes, tables, n, ahead, sums)
//            adds n groups to int16 sums; kN != 0: n = kN; kAsk: where as many codes from `ahead`
//            on are asked for
template <class Codes>
inline void multiply_x256(const PackedView& weights, const Activations& activations,
                          const void* table, RowRange rows, std::int32_t* out,
                          std::size_t out_stride) {
  static_assert(Codes::kBlock % Codes::kStep == 0 && Codes::kBlock % Codes::kPart == 0);
  const std::size_t groups = (weights.cols + Codes::kCols - 1) / Codes::kCols;
  if (activations.tokens == 1) {
    OneToken<Codes>(weights, activations, table, {0, groups}, rows, out)();
    return;
  }
  const Prefetch prefetch = stream_prefetch();
  for (std::size_t first = 0; first < activations.tokens; first += Codes::kTokens) {
    const std::size_t rest = activations.tokens - first;
    const std::size_t end = first + (rest < Codes::kTokens ? rest : Codes::kTokens);
    for (std::size_t g = 0; g < groups; g += Codes::kPart) {
      const std::size_t n = groups - g < Codes::kPart ? groups - g : Codes::kPart;
      for (std::size_t r = rows.begin; r < rows.end; r += kX256Rows) {
        const std::uint8_t* const codes = x256_codes<Codes::kBlock>(weights, r / kX256Rows, g);
        const std::size_t live = rows.end - r < kX256Rows ? rows.end - r : kX256Rows;
        for (std::size_t t = first; t < end; ++t) {
          const std::uint8_t* const tables =
              static_cast<const std::uint8_t*>(table) + (t * groups + g) * kX256TableBytes;
          const Block block{codes, tables, n};
          const Destination to{out + t * out_stride + (r - rows.begin), live, g == 0};
          // Later tokens find the codes in the L1 cache.
          with_prefetch(t == first ? prefetch : Prefetch::kNone, [&](auto ask) {
            multiply_block<Codes, decltype(ask)::value>(
                block, codes_after<Codes>(weights, rows, r, g, n), to);
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace ryz
