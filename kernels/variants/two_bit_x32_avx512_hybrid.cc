// two-bit-x32 for prompts: of each block of rows some are multiplied by vpdpbusd and the others by
// lookups of vectors, in one loop. vpdpbusd keeps two of a core's four vector ports busy and hardly
// a load port; a lookup is one addition whose operand is loaded: neither waits for the other's
// units.
//
// Ranges of vpdpbusd's sums: weights are 0, 1 or 2 and 16 of them a group, so a group adds at most
// 16·2·128 = 2^12 in magnitude, for at most kMostGroups groups.
#include <new>

#include "kernels/cpu.h"
#include "kernels/scratch.h"
#include "kernels/variants/dot512.h"
#include "kernels/variants/two_bit_x32_avx512_vnni.h"
#include "kernels/variants/two_bit_x32_vectors_avx512.h"

namespace ryz {
namespace {

constexpr std::size_t kMostGroups = std::size_t{1} << 18;
// Below this, building the tables costs more than they save.
constexpr std::size_t kLeastTiles = 8;
// Rows of a band, which vpdpbusd multiplies at a time: with three registers of rows and eight of
// tokens, seven registers are loaded for 24 products.
constexpr std::size_t kBandHalves = 3;  // of tiles
constexpr std::size_t kHalfRows = kTwoBitX32Rows / 2;
// How rows are split, by kTableRows: the rows by tables for a group by vpdpbusd.
template <std::size_t kTableRows>
struct Split {
  // Groups by vpdpbusd, of four fields each, for each tile and group by tables.
  static constexpr std::size_t kPace = kTwoBitX32Rows / kTableRows / 4;
  // Tiles by tables of so many, for both to end together: a tile by vpdpbusd is 2/3 of a band,
  // which takes four passes over the groups, and a tile by tables keeps pace with kPace groups.
  static constexpr std::size_t by_table_of(std::size_t tiles) {
    return tiles * kTableRows / (kTableRows + 3);
  }
  // Of a pass.
  static constexpr std::size_t kMostTiles = kMostTableTiles * (kTableRows + 3) / kTableRows;
};

using Sums = __m512i[kOctet][kBandHalves];

inline void copy(const Sums& from, Sums& to) {
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kOctet; ++t) {
#pragma GCC unroll 3
    for (std::size_t h = 0; h < kBandHalves; ++h) to[t][h] = from[t][h];
  }
}

// Where a band's codes are, group after group.
struct BandCodes {
  const std::uint8_t* half[kBandHalves];
};

// Weights + 1 of a field, by the mask of field 0.
template <int kField>
inline __m512i field_of(const std::uint8_t* codes, __m512i mask) {
  __m512i c = load_codes(codes);
  if constexpr (kField != 0) c = _mm512_srli_epi16(c, 2 * kField);
  return _mm512_and_si512(c, mask);
}

// One field of a group: 48 rows × 4 columns × 8 tokens. Field after field of a group while its
// codes are in the L1 cache: fields in place, each in a pass of its own over the groups, need no
// shift, but had four times the codes come from the L2 cache, and were a little slower.
template <int kField>
inline void add_columns(const BandCodes& codes, std::size_t at, const std::uint8_t* dwords,
                        __m512i mask, Sums& sums) {
  const __m512i c0 = field_of<kField>(codes.half[0] + at, mask);
  const __m512i c1 = field_of<kField>(codes.half[1] + at, mask);
  const __m512i c2 = field_of<kField>(codes.half[2] + at, mask);
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kOctet; ++t) {
    const __m512i a = broadcast_dword(reinterpret_cast<const std::int8_t*>(dwords) + 4 * t);
    sums[t][0] = add_dot(sums[t][0], c0, a);
    sums[t][1] = add_dot(sums[t][1], c1, a);
    sums[t][2] = add_dot(sums[t][2], c2, a);
  }
}

// One group: 48 rows × 16 columns × 8 tokens; between(f) before field f.
template <class Between>
inline void add_group(const BandCodes& codes, std::size_t at, const std::uint8_t* dwords,
                      __m512i mask, Sums& sums, const Between& between) {
  between(0);
  add_columns<0>(codes, at, dwords, mask, sums);
  between(1);
  add_columns<1>(codes, at, dwords + kFieldBytes, mask, sums);
  between(2);
  add_columns<2>(codes, at, dwords + 2 * kFieldBytes, mask, sums);
  between(3);
  add_columns<3>(codes, at, dwords + 3 * kFieldBytes, mask, sums);
}

// Goes through bands × octets × groups, the last fastest, at any pace.
class Multiplier {
 public:
  struct Operands {
    const std::uint8_t* codes;  // of the first tile
    std::size_t tile_bytes;
    std::size_t tiles;  // at least two
    BlockLayout layout;
    const std::uint8_t* block;
    const std::int32_t* activation_sums;  // Σ q of the block's tokens
    std::int32_t* out;                    // of the first row
    std::size_t out_stride;
  };
  explicit Multiplier(const Operands& operands) : to_(operands) { clear(); }

  bool done() const { return half_ == 2 * to_.tiles; }
  std::size_t groups_left() const { return to_.layout.groups - group_; }

  // Where the next group's operands are, and its sums.
  BandCodes codes() const {
    const auto half = [&](std::size_t h) {
      return to_.codes + h / 2 * to_.tile_bytes + h % 2 * kTwoBitX32GroupBytes / 2 +
             group_ * kTwoBitX32GroupBytes;
    };
    const std::size_t h = first_half();
    return {{half(h), half(h + 1), half(h + 2)}};
  }
  const std::uint8_t* dwords() const { return to_.block + to_.layout.dwords(octet_, group_); }
  Sums& sums() { return sums_; }

  void advance(std::size_t groups) {
    group_ += groups;
    if (group_ == to_.layout.groups) next_octet();
  }

 private:
  // The last band may begin with rows of the one before: they come out the same.
  std::size_t first_half() const {
    const std::size_t last = 2 * to_.tiles - kBandHalves;
    return half_ < last ? half_ : last;
  }
  void clear() {
    for (auto& a : sums_) a[0] = a[1] = a[2] = _mm512_setzero_si512();
  }
  void next_octet() {
    group_ = 0;
    std::int32_t* to = to_.out + octet_ * kOctet * to_.out_stride + first_half() * kHalfRows;
    for (std::size_t t = 0; t < kOctet; ++t) {
      const __m512i minus = _mm512_set1_epi32(to_.activation_sums[octet_ * kOctet + t]);
      for (std::size_t h = 0; h < kBandHalves; ++h) {
        _mm512_storeu_si512(to + h * kHalfRows, _mm512_sub_epi32(sums_[t][h], minus));
      }
      to += to_.out_stride;
    }
    clear();
    if (++octet_ < kOctets) return;
    octet_ = 0;
    half_ = first_half() + kBandHalves;
  }

  Operands to_;
  std::size_t half_ = 0;
  std::size_t octet_ = 0;
  std::size_t group_ = 0;
  Sums sums_;
};

// n tiles by tables from `tile` on, and kPace groups by vpdpbusd for each.
template <std::size_t kTableRows, bool kEmpty>
inline void run_both(Multiplier& multiplier, Lookups& lookups, std::size_t tile, std::size_t n) {
  constexpr std::size_t kPace = Split<kTableRows>::kPace;
  const BandCodes codes = multiplier.codes();
  const std::uint8_t* dwords = multiplier.dwords();
  const __m512i mask = _mm512_set1_epi8(3);
  Sums sums;
  copy(multiplier.sums(), sums);
  std::size_t at = 0;
  for (const std::size_t end = tile + n; tile < end; ++tile) {
    const std::uint8_t* places = lookups.begin_tile(tile);
    Vector* to = lookups.sums(tile);
    for (std::size_t i = 0; i < kPace; ++i) {
      add_group(codes, at, dwords, mask, sums, [&](std::size_t field) {
#pragma GCC unroll 4
        for (std::size_t r = field * kTableRows; r < (field + 1) * kTableRows; ++r) {
          add_row<kEmpty>(lookups.tables(), places + 4 * r, to[r]);
        }
      });
      at += kTwoBitX32GroupBytes;
      dwords += 4 * kFieldBytes;
      places += 4 * 4 * kTableRows;
      to += 4 * kTableRows;
    }
  }
  copy(sums, multiplier.sums());
  multiplier.advance(n * kPace);
}

// What is left of a pass over the groups.
inline void run_multiplier(Multiplier& multiplier) {
  const std::size_t n = multiplier.groups_left();
  const BandCodes codes = multiplier.codes();
  const std::uint8_t* dwords = multiplier.dwords();
  const __m512i mask = _mm512_set1_epi8(3);
  Sums sums;
  copy(multiplier.sums(), sums);
  for (std::size_t i = 0; i < n; ++i) {
    add_group(codes, i * kTwoBitX32GroupBytes, dwords, mask, sums, [](std::size_t) {});
    dwords += 4 * kFieldBytes;
  }
  copy(sums, multiplier.sums());
  multiplier.advance(n);
}

// The tiles of a group by tables.
template <std::size_t kTableRows, bool kEmpty>
inline void run_group(Multiplier& multiplier, Lookups& lookups) {
  std::size_t tile = 0;
  while (tile < lookups.tiles() && !multiplier.done()) {
    const std::size_t fitting = multiplier.groups_left() / Split<kTableRows>::kPace;
    if (fitting == 0) {
      run_multiplier(multiplier);
      continue;
    }
    const std::size_t left = lookups.tiles() - tile;
    const std::size_t n = left < fitting ? left : fitting;
    run_both<kTableRows, kEmpty>(multiplier, lookups, tile, n);
    tile += n;
  }
  for (; tile < lookups.tiles(); ++tile) {
    add_tile<kEmpty>(lookups.tables(), lookups.begin_tile(tile), lookups.sums(tile));
  }
}

template <std::size_t kTableRows>
inline void run(Multiplier& multiplier, Lookups& lookups) {
  while (!lookups.done()) {
    lookups.begin_group();
    if (lookups.empty()) {
      run_group<kTableRows, true>(multiplier, lookups);
    } else {
      run_group<kTableRows, false>(multiplier, lookups);
    }
    lookups.end_group();
  }
  while (!multiplier.done()) run_multiplier(multiplier);
}

// A block of tokens by all tiles; `scratch` holds a Lookups.
template <std::size_t kTableRows>
void run_passes(const Multiplier::Operands& all, void* scratch) {
  constexpr std::size_t kMostTiles = Split<kTableRows>::kMostTiles;
  const std::size_t passes = (all.tiles + kMostTiles - 1) / kMostTiles;
  for (std::size_t p = 0; p < passes; ++p) {
    const std::size_t first = all.tiles * p / passes;
    const std::size_t tiles = all.tiles * (p + 1) / passes - first;
    const std::size_t by_table = Split<kTableRows>::by_table_of(tiles);
    const std::size_t by_vnni = tiles - by_table;
    Multiplier::Operands operands = all;
    operands.codes += first * all.tile_bytes;
    operands.tiles = by_vnni;
    operands.out += first * kTwoBitX32Rows;
    Multiplier multiplier(operands);
    auto& lookups = *new (scratch) Lookups(
        {operands.codes + by_vnni * all.tile_bytes, all.tile_bytes, by_table, all.layout, all.block,
         operands.out + by_vnni * kTwoBitX32Rows, all.out_stride, by_table * kTwoBitX32Rows});
    run<kTableRows>(multiplier, lookups);
  }
}

// Whole blocks of tokens only, the others are read where they lie.
std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return tokens / kTokens * BlockLayout{groups_of(cols)}.bytes();
}

void build(const Activations& activations, GroupRange columns, void* table) noexcept {
  const BlockLayout layout{groups_of(activations.cols)};
  for (std::size_t t = 0; t + kTokens <= activations.tokens; t += kTokens) {
    build_block(activations.q + t * activations.stride, activations.stride, kTokens, layout,
                columns, static_cast<std::uint8_t*>(table) + t / kTokens * layout.bytes());
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const BlockLayout layout{weights.tile_bytes / kTwoBitX32GroupBytes};
  const std::size_t tiles = (rows.end - rows.begin) / kTwoBitX32Rows;
  const std::size_t blocks = activations.tokens / kTokens;
  void* const scratch = thread_scratch(sizeof(Lookups));
  if (blocks == 0 || tiles < kLeastTiles || layout.groups > kMostGroups || scratch == nullptr) {
    multiply_by_vnni(weights, activations, 0, rows, out, out_stride);
    return;
  }
  const std::size_t whole_end = rows.begin + tiles * kTwoBitX32Rows;
  if (whole_end < rows.end) {
    multiply_by_vnni(weights, activations, 0, {whole_end, rows.end}, out + (whole_end - rows.begin),
                     out_stride);
  }
  multiply_by_vnni(weights, activations, blocks * kTokens, {rows.begin, whole_end}, out,
                   out_stride);
  // On Zen 5 vpdpbusd starts twice a cycle: two rows by tables would need more loads than a core
  // has beside as many products.
  const auto passes = core() == Core::kZen5 ? run_passes<1> : run_passes<2>;
  const std::uint8_t* codes = weights.data + rows.begin / kTwoBitX32Rows * weights.tile_bytes;
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto* block = static_cast<const std::uint8_t*>(table) + b * layout.bytes();
    passes({codes, weights.tile_bytes, tiles, layout, block, activations.sums + b * kTokens,
            out + b * kTokens * out_stride, out_stride},
           scratch);
  }
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx512_hybrid;
constinit const Kernel kernel_two_bit_x32_avx512_hybrid{
    .name = "avx512-hybrid",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
    .token_block = kTokens,
};

}  // namespace ryz
