// quint-x256 by vpermi2b: a group's table is four registers, a lane is a row, 64 rows a register;
// the code's sign becomes a mask.
//
// Tables. T = 32·high + low, a signed byte each: low in -16..15, high in -20..20; |T| ≤ 640. Sums
// of six groups, each with its sign, are at most 96 and 120 in magnitude, so both fit a byte;
// vpmaddubsw puts them together again (the places are its unsigned operand).
//
// Ranges. Its words are the sums of six T, at most 3840 in magnitude. A block's int16 sums are at
// most 36·640 = 23040 in magnitude.
#include <cstring>

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

// How a group's table is put together. The eight bytes from its first activation on fill each qword
// of a register; the words of a qword are then sums of q0 and q1, of q2 and q3, q4, and 0, each
// qword's with other weights but 0, 0. Entries are sums of two of those words: words 8·L .. 8·L + 7
// of registers 0 and 1 are entries 16·L .. 16·L + 15 of the first 64, so that they are in order
// once packed to bytes, and those of registers 2 and 3 of the others.
struct Places {
  alignas(64) std::int8_t weights[64] = {};
  alignas(64) std::int16_t start[32] = {};
  alignas(64) std::int16_t first[4][32] = {};   // where the sum of w0, w1 is
  alignas(64) std::int16_t second[4][32] = {};  // of w2, w3; 32 on: with q4
  alignas(64) std::uint8_t low[64] = {};        // the low bytes of two registers' words

  static constexpr int kFour = 2;  // a word that is q4

  // Of the weights of `code`, two base-3 digits.
  static constexpr std::int16_t place(unsigned code, unsigned word) {
    const unsigned nothing = 3 + 4 * word;  // holds what sums in `word` start at
    return static_cast<std::int16_t>(code == 4 ? nothing : 4 * (code - (code > 4)) + word);
  }

  constexpr Places() {
    for (unsigned qword = 0; qword < 8; ++qword) {
      const unsigned code = qword + (qword >= 4);
      const int w[2] = {static_cast<int>(code % 3) - 1, static_cast<int>(code / 3) - 1};
      for (unsigned word = 0; word < 2; ++word) {
        for (unsigned i = 0; i < 2; ++i) {
          weights[8 * qword + 2 * word + i] = static_cast<std::int8_t>(w[i]);
        }
        start[4 * qword + word] = static_cast<std::int16_t>(-128 * (w[0] + w[1]));
      }
      weights[8 * qword + 4] = 1;
      start[4 * qword + kFour] = -128;
    }
    // T + 16, for the split.
    for (unsigned code = 0; code < 9; ++code) start[place(code, 1)] += 16;
    for (unsigned v = 0; v < 128; ++v) {
      const unsigned of = 2 * (v / 64) + v % 16 / 8;
      const unsigned at = v % 64 / 16 * 8 + v % 8;
      const unsigned code = (v + kQuintZero) % 81;
      first[of][at] = place(code % 9, 0);
      second[of][at] = static_cast<std::int16_t>(place(code / 9, 1) + (v >= 41 ? 32 : 0));
      if (v < 64) low[v] = static_cast<std::uint8_t>(64 * of + 2 * at);
    }
  }
};
constexpr Places kPlaces;

// Places in registers.
struct HeldPlaces {
  __m512i weights, start, low;
  __m512i first[4];
  __m512i second[4];

  HeldPlaces()
      : weights(_mm512_load_si512(kPlaces.weights)),
        start(_mm512_load_si512(kPlaces.start)),
        low(_mm512_load_si512(kPlaces.low)) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      first[i] = _mm512_load_si512(kPlaces.first[i]);
      second[i] = _mm512_load_si512(kPlaces.second[i]);
      // Or g++ 12 takes the constants from memory all the same.
      asm("" : "+v"(first[i]), "+v"(second[i]));
    }
    asm("" : "+v"(weights), "+v"(start), "+v"(low));
  }
};

// Eight bytes from q on are readable.
inline void build_group(const HeldPlaces& held, const std::int8_t* q, std::uint8_t* table) {
  std::int64_t eight;
  std::memcpy(&eight, q, sizeof eight);
  const __m512i a = _mm512_xor_si512(_mm512_set1_epi64(eight), _mm512_set1_epi8(-128));
  const __m512i sums = _mm512_add_epi16(_mm512_maddubs_epi16(a, held.weights), held.start);
  const __m512i four = _mm512_permutexvar_epi16(_mm512_set1_epi16(Places::kFour), sums);
  const __m512i with_four = _mm512_add_epi16(sums, four);
  __m512i words[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i second = i < 2 ? _mm512_permutex2var_epi16(sums, held.second[i], with_four)
                                 : _mm512_permutexvar_epi16(held.second[i], with_four);
    words[i] = _mm512_add_epi16(_mm512_permutexvar_epi16(held.first[i], sums), second);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512i low =
        _mm512_and_si512(lookup(words[2 * i], words[2 * i + 1], held.low), _mm512_set1_epi8(31));
    _mm512_store_si512(table + 64 * i, _mm512_sub_epi8(low, _mm512_set1_epi8(16)));
    _mm512_store_si512(table + 128 + 64 * i,
                       _mm512_packs_epi16(_mm512_srai_epi16(words[2 * i], 5),
                                          _mm512_srai_epi16(words[2 * i + 1], 5)));
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
    const HeldPlaces held;
    for (std::size_t g = groups.begin; g < groups.end; ++g, tables += kX256TableBytes) {
      std::int8_t last[8] = {};
      const std::int8_t* from = q + g * kQuintCols;
      if (g * kQuintCols + sizeof last > cols) {  // may end past the readable activations
        for (std::size_t i = 0; g * kQuintCols + i < cols; ++i) last[i] = from[i];
        from = last;
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
