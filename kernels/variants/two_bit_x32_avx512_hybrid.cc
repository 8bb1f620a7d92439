// two-bit-x32 for prompts: of each block of rows some are multiplied by vpdpbusd and the others by
// lookups of vectors, in one loop. vpdpbusd keeps two of a core's four vector ports busy and hardly
// a load port; a lookup is one addition whose operand is loaded: neither waits for the other's
// units.
//
// Ranges of vpdpbusd's sums: as in two_bit_x32_avx512_vnni.h, a field's sums begin at a quarter of
// the last one's: (1 + 1/4 + 1/16 + 1/64)·2^16 a group, for at most kMostGroups groups.
#include <new>

#include "kernels/scratch.h"
#include "kernels/variants/dot512.h"
#include "kernels/variants/two_bit_x32_avx512_vnni.h"
#include "kernels/variants/two_bit_x32_vectors_avx512.h"

namespace ryz {
namespace {

constexpr std::size_t kMostGroups = std::size_t{1} << 14;
// Below this, building the tables costs more than they save.
constexpr std::size_t kLeastTiles = 8;
// Groups by vpdpbusd for each tile and group by tables.
constexpr std::size_t kPace = 16;
static_assert(2 * kPace == kTwoBitX32Rows, "two rows by tables for a group by vpdpbusd");

using Sums = __m512i[kOctet][2];  // of 32 rows

inline void copy(const Sums& from, Sums& to) {
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kOctet; ++t) {
    to[t][0] = from[t][0];
    to[t][1] = from[t][1];
  }
}

// One group: 32 rows × 4 columns × 8 tokens.
inline void add_columns(const std::uint8_t* codes, const std::uint8_t* dwords, __m512i mask,
                        Sums& sums) {
  const __m512i c0 = _mm512_and_si512(load_codes(codes), mask);
  const __m512i c1 = _mm512_and_si512(load_codes(codes + 64), mask);
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kOctet; ++t) {
    const __m512i a = broadcast_dword(reinterpret_cast<const std::int8_t*>(dwords) + 4 * t);
    sums[t][0] = add_dot(sums[t][0], c0, a);
    sums[t][1] = add_dot(sums[t][1], c1, a);
  }
}

// Goes through tiles × octets × fields × groups, the last fastest, at any pace.
class Multiplier {
 public:
  struct Operands {
    const std::uint8_t* codes;  // of the first tile
    std::size_t tile_bytes;
    std::size_t tiles;
    BlockLayout layout;
    const std::uint8_t* block;
    const std::int32_t* activation_sums;  // Σ q of the block's tokens
    std::int32_t* out;                    // of the first row
    std::size_t out_stride;
  };
  explicit Multiplier(const Operands& operands) : to_(operands) { clear(); }

  bool done() const { return tile_ == to_.tiles; }
  std::size_t groups_left() const { return to_.layout.groups - group_; }

  // Where the next group's operands are, and its sums.
  const std::uint8_t* codes() const {
    return to_.codes + tile_ * to_.tile_bytes + group_ * kTwoBitX32GroupBytes;
  }
  const std::uint8_t* dwords() const {
    return to_.block + to_.layout.dwords(octet_, field_, group_);
  }
  __m512i mask() const { return _mm512_set1_epi8(static_cast<char>(3 << (2 * field_))); }
  Sums& sums() { return sums_; }

  void advance(std::size_t groups) {
    group_ += groups;
    if (group_ == to_.layout.groups) next_field();
  }

 private:
  void clear() {
    for (auto& a : sums_) a[0] = a[1] = _mm512_setzero_si512();
  }
  // The highest field comes first, as in tile_times().
  void next_field() {
    group_ = 0;
    if (field_ > 0) {
      --field_;
      for (auto& a : sums_) {
        a[0] = _mm512_srai_epi32(a[0], 2);
        a[1] = _mm512_srai_epi32(a[1], 2);
      }
      return;
    }
    for (std::size_t t = 0; t < kOctet; ++t) {
      const std::size_t token = octet_ * kOctet + t;
      store_rows(sums_[t], to_.activation_sums[token], ~std::uint32_t{0},
                 to_.out + token * to_.out_stride + tile_ * kTwoBitX32Rows);
    }
    clear();
    field_ = 3;
    if (++octet_ < kOctets) return;
    octet_ = 0;
    ++tile_;
  }

  Operands to_;
  std::size_t tile_ = 0;
  std::size_t octet_ = 0;
  std::size_t field_ = 3;
  std::size_t group_ = 0;
  Sums sums_;
};

// n tiles by tables from `tile` on, and kPace groups by vpdpbusd for each.
template <bool kEmpty>
inline void run_both(Multiplier& multiplier, Lookups& lookups, std::size_t tile, std::size_t n) {
  const std::uint8_t* codes = multiplier.codes();
  const std::uint8_t* dwords = multiplier.dwords();
  const __m512i mask = multiplier.mask();
  Sums sums;
  copy(multiplier.sums(), sums);
  for (const std::size_t end = tile + n; tile < end; ++tile) {
    const std::uint16_t* offsets = lookups.begin_tile(tile);
    Vector* to = lookups.sums(tile);
    for (std::size_t i = 0; i < kPace; ++i) {
      add_row<kEmpty>(lookups.tables(), offsets, to[0]);
      add_row<kEmpty>(lookups.tables(), offsets + 4, to[1]);
      add_columns(codes, dwords, mask, sums);
      codes += kTwoBitX32GroupBytes;
      dwords += kOctet * 4;
      offsets += 8;
      to += 2;
    }
  }
  copy(sums, multiplier.sums());
  multiplier.advance(n * kPace);
}

// What is left of a field.
inline void run_multiplier(Multiplier& multiplier) {
  const std::size_t n = multiplier.groups_left();
  const std::uint8_t* codes = multiplier.codes();
  const std::uint8_t* dwords = multiplier.dwords();
  const __m512i mask = multiplier.mask();
  Sums sums;
  copy(multiplier.sums(), sums);
  for (std::size_t i = 0; i < n; ++i) {
    add_columns(codes, dwords, mask, sums);
    codes += kTwoBitX32GroupBytes;
    dwords += kOctet * 4;
  }
  copy(sums, multiplier.sums());
  multiplier.advance(n);
}

// The next group's tables, and as many groups by vpdpbusd as that leaves time for.
inline void begin_group(Multiplier& multiplier, Lookups& lookups) {
  if (multiplier.done() || multiplier.groups_left() < Lookups::kCallsBetween) {
    lookups.begin_group([] {});
    return;
  }
  const std::uint8_t* codes = multiplier.codes();
  const std::uint8_t* dwords = multiplier.dwords();
  const __m512i mask = multiplier.mask();
  Sums sums;
  copy(multiplier.sums(), sums);
  lookups.begin_group([&]() __attribute__((always_inline)) {
    add_columns(codes, dwords, mask, sums);
    codes += kTwoBitX32GroupBytes;
    dwords += kOctet * 4;
  });
  copy(sums, multiplier.sums());
  multiplier.advance(Lookups::kCallsBetween);
}

// The tiles of a group by tables.
template <bool kEmpty>
inline void run_group(Multiplier& multiplier, Lookups& lookups) {
  std::size_t tile = 0;
  while (tile < lookups.tiles() && !multiplier.done()) {
    const std::size_t fitting = multiplier.groups_left() / kPace;
    if (fitting == 0) {
      run_multiplier(multiplier);
      continue;
    }
    const std::size_t left = lookups.tiles() - tile;
    const std::size_t n = left < fitting ? left : fitting;
    run_both<kEmpty>(multiplier, lookups, tile, n);
    tile += n;
  }
  for (; tile < lookups.tiles(); ++tile) {
    add_tile<kEmpty>(lookups.tables(), lookups.begin_tile(tile), lookups.sums(tile));
  }
}

inline void run(Multiplier& multiplier, Lookups& lookups) {
  while (!lookups.done()) {
    begin_group(multiplier, lookups);
    if (lookups.empty()) {
      run_group<true>(multiplier, lookups);
    } else {
      run_group<false>(multiplier, lookups);
    }
    lookups.end_group();
  }
  while (!multiplier.done()) run_multiplier(multiplier);
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
  const std::size_t passes = (tiles + 2 * kMostTableTiles - 1) / (2 * kMostTableTiles);
  const std::uint8_t* codes = weights.data + rows.begin / kTwoBitX32Rows * weights.tile_bytes;
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto* block = static_cast<const std::uint8_t*>(table) + b * layout.bytes();
    for (std::size_t p = 0; p < passes; ++p) {
      const std::size_t first = tiles * p / passes;
      const std::size_t end = tiles * (p + 1) / passes;
      const std::size_t by_table = (end - first) / 2;
      const std::size_t by_vnni = end - first - by_table;
      std::int32_t* to = out + b * kTokens * out_stride + first * kTwoBitX32Rows;
      Multiplier multiplier({codes + first * weights.tile_bytes, weights.tile_bytes, by_vnni,
                             layout, block, activations.sums + b * kTokens, to, out_stride});
      auto& lookups = *new (scratch) Lookups(
          {codes + (first + by_vnni) * weights.tile_bytes, weights.tile_bytes, by_table, layout,
           block, to + by_vnni * kTwoBitX32Rows, out_stride, by_table * kTwoBitX32Rows});
      run(multiplier, lookups);
    }
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
