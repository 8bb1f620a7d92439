// Vector tables over the bytes of two-bit-x32, for prompts: a byte is four weights, 4 columns
// apart, c = Σ (w_f + 1)·3^f of its fields f. Table b of a group of 16 columns holds Σ_f w_f·q[16g
// + 4f + b] for the 81 codes c and 32 tokens, int16: a row of the matrix adds four such vectors a
// group. Four tables, 20 KB, stay in the L1 cache while all rows go by. (Vec-LUT, arXiv
// 2512.06443.)
//
// Ranges. |entry| ≤ 4·128 = 512. Int16 sums are added to the results before they could overflow:
// the Σ |q| of the columns that they hold bounds them, and is kept for each token; one group's is
// at most 16·128 = 2048.
#pragma once

#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

constexpr std::size_t kTokens = 32;  // of a block: int16 lanes
constexpr std::size_t kOctet = 8;
constexpr std::size_t kOctets = kTokens / kOctet;
constexpr std::size_t kFieldBytes = kOctet * 4;  // of a field's dwords
constexpr std::size_t kCodes = 81;
// Rows whose sums lie in the scratch memory: they pass through the L1 cache once a group.
constexpr std::size_t kMostTableTiles = 96;

// What multiply() reads of a block of tokens, `groups` groups of 16 columns:
// dwords of activations [octet][group][field][8 tokens], then int8 [column][32 tokens].
struct BlockLayout {
  std::size_t groups;

  std::size_t bytes() const { return groups * 2 * kTokens * kTwoBitX32GroupCols; }
  std::size_t dwords(std::size_t octet, std::size_t group) const {
    return (octet * groups + group) * 4 * kFieldBytes;
  }
  std::size_t column(std::size_t k) const {
    return groups * kTokens * kTwoBitX32GroupCols + k * kTokens;
  }
};

std::size_t groups_of(std::size_t cols) {
  return (cols + kTwoBitX32GroupCols - 1) / kTwoBitX32GroupCols;
}

inline __m512i four_rows(const std::int8_t* q, std::size_t stride) {
  const auto load = [&](std::size_t t) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(q + t * stride));
  };
  __m512i v = _mm512_castsi128_si512(load(0));
  v = _mm512_inserti32x4(v, load(1), 1);
  v = _mm512_inserti32x4(v, load(2), 2);
  return _mm512_inserti32x4(v, load(3), 3);
}

// The activations of a group of columns, both ways.
inline void build_group(const std::int8_t* q, std::size_t stride, BlockLayout layout, std::size_t g,
                        std::uint8_t* block) {
  // Dword f of eight tokens, twice.
  const __m512i pick = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i two = _mm512_set1_epi32(2);
  __m512i dwords[kOctets][2];  // fields 0 and 1, 2 and 3
#pragma GCC unroll 4
  for (std::size_t o = 0; o < kOctets; ++o) {
    const __m512i a = four_rows(q + o * kOctet * stride, stride);
    const __m512i b = four_rows(q + (o * kOctet + 4) * stride, stride);
    dwords[o][0] = _mm512_permutex2var_epi32(a, pick, b);
    dwords[o][1] = _mm512_permutex2var_epi32(a, _mm512_add_epi32(pick, two), b);
#pragma GCC unroll 4
    for (std::size_t f = 0; f < 4; ++f) {
      const __m512i v = dwords[o][f / 2];
      auto* to = reinterpret_cast<__m256i*>(block + layout.dwords(o, g) + f * kFieldBytes);
      _mm256_store_si256(to,
                         f % 2 == 0 ? _mm512_castsi512_si256(v) : _mm512_extracti64x4_epi64(v, 1));
    }
  }
  // Bytes 4t + b of 128, for b in turn.
  alignas(64) std::uint8_t index[2][64];
  for (unsigned i = 0; i < 64; ++i) {
    index[0][i] = static_cast<std::uint8_t>(4 * (i % 32) + i / 32);
    index[1][i] = static_cast<std::uint8_t>(4 * (i % 32) + i / 32 + 2);
  }
#pragma GCC unroll 4
  for (std::size_t f = 0; f < 4; ++f) {
    const auto pair = [&](std::size_t o) {
      const __m512i a = dwords[o][f / 2];
      const __m512i b = dwords[o + 1][f / 2];
      return f % 2 == 0 ? _mm512_shuffle_i64x2(a, b, 0x44) : _mm512_shuffle_i64x2(a, b, 0xEE);
    };
    const __m512i a = pair(0);
    const __m512i b = pair(2);
    std::uint8_t* to = block + layout.column(g * kTwoBitX32GroupCols + 4 * f);
    _mm512_store_si512(to, _mm512_permutex2var_epi8(a, _mm512_load_si512(index[0]), b));
    _mm512_store_si512(to + 64, _mm512_permutex2var_epi8(a, _mm512_load_si512(index[1]), b));
  }
}

// A block from `count` tokens, zeros for those that are missing. Columns in groups of one.
inline void build_block(const std::int8_t* q, std::size_t stride, std::size_t count,
                        BlockLayout layout, GroupRange columns, std::uint8_t* block) {
  const std::size_t end = groups_of(columns.end);
  alignas(64) std::int8_t padded[kTokens][kTwoBitX32GroupCols] = {};
  for (std::size_t g = columns.begin / kTwoBitX32GroupCols; g < end; ++g) {
    const std::int8_t* at = q + g * kTwoBitX32GroupCols;
    if (count == kTokens) {
      build_group(at, stride, layout, g, block);
      continue;
    }
    for (std::size_t t = 0; t < count; ++t) {
      __builtin_memcpy(padded[t], at + t * stride, kTwoBitX32GroupCols);
    }
    build_group(padded[0], kTwoBitX32GroupCols, layout, g, block);
  }
}

using Vector = std::int16_t[kTokens];

inline __m512i load_vector(const void* p) { return _mm512_load_si512(p); }

// The codes of a tile's weights in one group, a byte each, as its bytes lie: [32 rows][4 tables].
inline void entry_codes(const std::uint8_t* packed, std::uint8_t* codes) {
  // f0 + 3·f1 of a nibble f0 + 4·f1, and nine times that.
  const __m512i low =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 0, 0, 0, 0));
  const __m512i high =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 9, 18, 0, 27, 36, 45, 0, 54, 63, 72, 0, 0, 0, 0, 0));
  const __m512i nibble = _mm512_set1_epi8(15);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i c = _mm512_loadu_si512(packed + 64 * half);
    const __m512i code = _mm512_add_epi8(
        _mm512_shuffle_epi8(low, _mm512_and_si512(c, nibble)),
        _mm512_shuffle_epi8(high, _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble)));
    _mm512_store_si512(codes + 64 * half, code);
  }
}

// Tables side by side, so that a code's place is the code shifted.
struct alignas(64) Tables {
  Vector entries[kCodes][4];
};
constexpr unsigned kEntryShift = 8;
static_assert(sizeof(Vector[4]) == 1U << kEntryShift);

// sum += the entry of table kTable at a code's place. Left to itself g++ 12 holds four base
// addresses in registers that it does not have.
template <int kTable>
inline void add_entry(__m512i& sum, const Tables& tables, std::uint64_t place) {
  asm("vpaddw %c3(%1,%2), %0, %0"
      : "+v"(sum)
      : "r"(&tables), "r"(place), "i"(kTable * sizeof(Vector)), "m"(tables));
}

// Adds a row's four entries to its sums. kEmpty: they are not there yet.
template <bool kEmpty>
inline void add_row(const Tables& tables, const std::uint8_t* codes, Vector& to) {
  // One load for four codes: the load ports are what this loop waits for.
  std::uint32_t four;
  __builtin_memcpy(&four, codes, sizeof four);
  constexpr std::uint32_t kPlace = 0xFFU << kEntryShift;
  __m512i sum = kEmpty ? _mm512_setzero_si512() : load_vector(to);
  add_entry<0>(sum, tables, (four << kEntryShift) & kPlace);
  add_entry<1>(sum, tables, four & kPlace);
  add_entry<2>(sum, tables, (four >> 8) & kPlace);
  add_entry<3>(sum, tables, (four >> 16) & kPlace);
  _mm512_store_si512(to, sum);
}

// A tile by the group's tables.
template <bool kEmpty>
inline void add_tile(const Tables& tables, const std::uint8_t* codes, Vector* sums) {
  for (std::size_t r = 0; r < kTwoBitX32Rows; ++r) {
    add_row<kEmpty>(tables, codes + 4 * r, sums[r]);
  }
}

// Goes through groups × tiles, the last fastest.
class Lookups {
 public:
  struct Operands {
    const std::uint8_t* codes;
    std::size_t tile_bytes;
    std::size_t tiles;
    BlockLayout layout;
    const std::uint8_t* block;
    std::int32_t* out;
    std::size_t out_stride;
    // What of the last tile and of the block exists.
    std::size_t rows;  // of all tiles
    std::size_t tokens = kTokens;
  };

  explicit Lookups(const Operands& operands) : to_(operands) {}

  bool done() const { return group_ == to_.layout.groups; }

  // Builds the next group's tables, after room is made for what they add. Products by vpdpbusd
  // between the stores were tried: each took as much longer as the store takes alone.
  void begin_group() {
    find_entries(0);
    const std::uint8_t* columns = to_.block + to_.layout.column(group_ * kTwoBitX32GroupCols);
    make_room(columns);
    for (std::size_t b = 0; b < 4; ++b) {
      build_table(columns + b * kTokens, b);
    }
  }
  void end_group() {
    ++group_;
    empty_ = false;
    if (done()) widen();
  }
  std::size_t tiles() const { return to_.tiles; }
  // Codes of a tile's entries; those of the next tile are computed, since what was just stored by
  // whole registers is slow to load in parts.
  const std::uint8_t* begin_tile(std::size_t tile) {
    if (tile + 1 < to_.tiles) find_entries(tile + 1);
    return codes_[tile % 2];
  }
  bool empty() const { return empty_; }

  const Tables& tables() const { return tables_; }
  Vector* sums(std::size_t tile) { return sums_ + tile * kTwoBitX32Rows; }

 private:
  void find_entries(std::size_t tile) {
    const std::uint8_t* codes = to_.codes + tile * to_.tile_bytes + group_ * kTwoBitX32GroupBytes;
    entry_codes(codes, codes_[tile % 2]);
    // The next group's: too many streams, a tile each, for the hardware to follow.
    prefetch_l2(codes, kTwoBitX32GroupBytes);
    prefetch_l2(codes, kTwoBitX32GroupBytes + 64);
  }

  void make_room(const std::uint8_t* columns) {
    __m512i magnitude = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kTwoBitX32GroupCols; ++k) {
      magnitude = _mm512_add_epi16(magnitude, _mm512_abs_epi16(column(columns, k)));
    }
    const __m512i bound = _mm512_add_epi16(bound_, magnitude);
    if (_mm512_cmpgt_epu16_mask(bound, _mm512_set1_epi16(32767)) == 0) {
      bound_ = bound;
      return;
    }
    widen();
    bound_ = magnitude;
  }

  static __m512i column(const std::uint8_t* columns, std::size_t k) {
    return _mm512_cvtepi8_epi16(
        _mm256_load_si256(reinterpret_cast<const __m256i*>(columns + k * kTokens)));
  }

  // Sums of two columns with the weights (i % 3 - 1, i / 3 - 1).
  static void nine_sums(__m512i a, __m512i b, __m512i (&sums)[9]) {
    const __m512i zero = _mm512_setzero_si512();
    sums[4] = zero;
    sums[5] = a;
    sums[3] = _mm512_sub_epi16(zero, a);
    sums[7] = b;
    sums[1] = _mm512_sub_epi16(zero, b);
    sums[8] = _mm512_add_epi16(b, a);
    sums[6] = _mm512_sub_epi16(b, a);
    sums[2] = _mm512_sub_epi16(a, b);
    sums[0] = _mm512_sub_epi16(sums[1], a);
  }

  void build_table(const std::uint8_t* columns, std::size_t table) {
    __m512i low[9];
    nine_sums(column(columns, 0), column(columns, 4), low);
    __m512i high[9];
    nine_sums(column(columns, 8), column(columns, 12), high);
#pragma GCC unroll 9
    for (std::size_t i = 0; i < 9; ++i) {
#pragma GCC unroll 9
      for (std::size_t j = 0; j < 9; ++j) {
        _mm512_store_si512(tables_.entries[9 * i + j][table], _mm512_add_epi16(high[i], low[j]));
      }
    }
  }

  // Sums go to `out`, transposed.
  void widen() {
    for (std::size_t r = 0; r < to_.rows; r += 16) {
      const auto live =
          static_cast<__mmask16>(to_.rows - r < 16 ? (1u << (to_.rows - r)) - 1 : 0xFFFFu);
      for (std::size_t half = 0; half < 2; ++half) {
        __m512i v[16];
#pragma GCC unroll 16
        for (std::size_t i = 0; i < 16; ++i) {
          v[i] = _mm512_cvtepi16_epi32(
              _mm256_load_si256(reinterpret_cast<const __m256i*>(&sums_[r + i][16 * half])));
        }
        transpose(v);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < 16; ++i) {
          if (16 * half + i >= to_.tokens) break;
          std::int32_t* out = to_.out + (16 * half + i) * to_.out_stride + r;
          if (written_) v[i] = _mm512_add_epi32(v[i], _mm512_maskz_loadu_epi32(live, out));
          _mm512_mask_storeu_epi32(out, live, v[i]);
        }
      }
    }
    written_ = true;
    empty_ = true;
  }

  static void transpose(__m512i (&v)[16]) {
    __m512i w[16];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 16; i += 2) {
      w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
      w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 16; i += 4) {
      v[i] = _mm512_unpacklo_epi64(w[i], w[i + 2]);
      v[i + 1] = _mm512_unpackhi_epi64(w[i], w[i + 2]);
      v[i + 2] = _mm512_unpacklo_epi64(w[i + 1], w[i + 3]);
      v[i + 3] = _mm512_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
    // v[4j + i]: column i of each lane of four, rows 4j .. 4j + 3.
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      w[i] = _mm512_shuffle_i32x4(v[i], v[4 + i], 0x88);
      w[4 + i] = _mm512_shuffle_i32x4(v[i], v[4 + i], 0xDD);
      w[8 + i] = _mm512_shuffle_i32x4(v[8 + i], v[12 + i], 0x88);
      w[12 + i] = _mm512_shuffle_i32x4(v[8 + i], v[12 + i], 0xDD);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      v[i] = _mm512_shuffle_i32x4(w[i], w[8 + i], 0x88);
      v[8 + i] = _mm512_shuffle_i32x4(w[i], w[8 + i], 0xDD);
      v[4 + i] = _mm512_shuffle_i32x4(w[4 + i], w[12 + i], 0x88);
      v[12 + i] = _mm512_shuffle_i32x4(w[4 + i], w[12 + i], 0xDD);
    }
  }

  Operands to_;
  std::size_t group_ = 0;
  bool empty_ = true;     // sums_ hold nothing
  bool written_ = false;  // out holds earlier groups' sums
  __m512i bound_ = _mm512_setzero_si512();
  alignas(64) std::uint8_t codes_[2][kTwoBitX32GroupBytes];
  Tables tables_;
  alignas(64) Vector sums_[kMostTableTiles * kTwoBitX32Rows];
};

}  // namespace
}  // namespace ryz
