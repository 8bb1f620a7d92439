// two-bit-x32 by AMX tiles, for many tokens: codes are spread to bytes once and then meet sixteen
// tokens an instruction. A group's field is already a row of a tile (16 rows × 4 columns). The
// table is the activations as tiles, each a KB without a gap; reading them where they lie, a line a
// token and a prefetch for each, was tried and lost, as was going through all columns of a tile of
// rows before the next, which passes all activations by for every 32 rows. Ranges: |w| ≤ 1, so
// int32 holds 128·K for K < 2^24.
#include "kernels/encodings/two_bit_x32.h"
#include "kernels/kernel.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/simd512.h"

namespace ryz {
namespace {

// Compilers disagree on these macros' names: a kernel that does not know what it needs would run
// where it cannot.
static_assert((kCompiledIsa.bits & (kIsaAmxTile | kIsaAmxInt8)) == (kIsaAmxTile | kIsaAmxInt8));

constexpr std::size_t kTileTokens = 16;
constexpr std::size_t kTileBytes = 1024;
constexpr std::size_t kStepCols = 64;  // columns of a tile of activations
constexpr std::size_t kStepGroups = kStepCols / kTwoBitX32GroupCols;
// Steps whose spread codes (2 KB a step) stay in the L1 cache beside the activations' stream.
constexpr std::size_t kBlockSteps = 16;
// Tokens whose activations of so many steps stay in the L2 cache while rows go by.
constexpr std::size_t kMostTokens = 512;

static_assert(kActivationBlock % kStepCols == 0, "a step's activations are readable");
static_assert(kBuildAlign % kStepCols == 0, "a step is built as a whole");

// What ldtilecfg reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  // Tiles 0-3: sums [16 tokens][16 rows of W], token block major. 4, 5: activations of two blocks
  // of tokens. 6, 7: weights [16 × 4 columns][16 rows].
  TileConfig(std::size_t tokens0, std::size_t tokens1) {
    for (int i = 0; i < 8; ++i) row_bytes[i] = 64;
    rows[0] = rows[1] = rows[4] = static_cast<std::uint8_t>(tokens0);
    rows[2] = rows[3] = rows[5] = static_cast<std::uint8_t>(tokens1 > 0 ? tokens1 : 1);
    rows[6] = rows[7] = 16;
  }
};

// Tile loads are opaque to g++ 12, which does not know that they read memory.
inline void memory_barrier() { asm volatile("" ::: "memory"); }

constexpr std::size_t steps_of(std::size_t cols) { return (cols + kStepCols - 1) / kStepCols; }

// The table: [block of 16 tokens][step][16 tokens][64 columns]. Rows of tokens that are missing in
// the last block are neither written nor read.
constexpr std::size_t block_bytes(std::size_t cols) { return steps_of(cols) * kTileBytes; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return (tokens + kTileTokens - 1) / kTileTokens * block_bytes(cols);
}

// Columns in groups of one.
void build(const Activations& activations, GroupRange columns, void* table) noexcept {
  const std::size_t end = steps_of(columns.end);
  for (std::size_t t = 0; t < activations.tokens; ++t) {
    const std::int8_t* q = activations.q + t * activations.stride;
    std::uint8_t* to = static_cast<std::uint8_t*>(table) +
                       t / kTileTokens * block_bytes(activations.cols) +
                       t % kTileTokens * kStepCols;
    for (std::size_t s = columns.begin / kStepCols; s < end; ++s) {
      _mm512_store_si512(to + s * kTileBytes, _mm512_loadu_si512(q + s * kStepCols));
    }
  }
}

// Weights of `steps` steps as bytes: [step][half of the rows][16 × 4 columns][16 rows × 4]. Groups
// past the last are zeros.
inline void spread(const std::uint8_t* codes, std::size_t groups, std::size_t steps,
                   std::uint8_t* out) {
  const __m512i low = _mm512_set1_epi8(3);
  const __m512i one = _mm512_set1_epi8(1);
  for (std::size_t g = 0; g < steps * kStepGroups; ++g) {
    for (std::size_t half = 0; half < 2; ++half) {
      __m512i c = _mm512_set1_epi8(0x55);
      if (g < groups) c = _mm512_loadu_si512(codes + g * kTwoBitX32GroupBytes + 64 * half);
      std::uint8_t* to = out + (g / kStepGroups * 2 + half) * kTileBytes + g % kStepGroups * 256;
#pragma GCC unroll 4
      for (unsigned f = 0; f < 4; ++f) {
        const __m512i field = _mm512_and_si512(_mm512_srli_epi16(c, 2 * f), low);
        _mm512_store_si512(to + 64 * f, _mm512_sub_epi8(field, one));
      }
    }
  }
}

// Sums of 32 rows, tokens `stride` int32 apart.
struct Sums {
  std::int32_t* at;
  std::size_t stride;
};

// sums of kBlocks blocks of sixteen tokens += activations × weights; kFirst: the sums are not there
// yet.
template <int kBlocks, bool kFirst>
inline void add_steps(const std::uint8_t* q, std::size_t next_block, const std::uint8_t* weights,
                      std::size_t steps, Sums sums) {
  const std::size_t stride = sums.stride * sizeof(std::int32_t);
  std::int32_t* const second = sums.at + kTileTokens * sums.stride;
  if constexpr (kFirst) {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kBlocks == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
  } else {
    _tile_loadd(0, sums.at, stride);
    _tile_loadd(1, sums.at + 16, stride);
    if constexpr (kBlocks == 2) {
      _tile_loadd(2, second, stride);
      _tile_loadd(3, second + 16, stride);
    }
  }
  for (std::size_t s = 0; s < steps; ++s) {
    _tile_loadd(6, weights, 64);
    _tile_loadd(4, q, 64);
    _tile_loadd(7, weights + kTileBytes, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    if constexpr (kBlocks == 2) {
      _tile_loadd(5, q + next_block, 64);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
    weights += 2 * kTileBytes;
    q += kTileBytes;
  }
  _tile_stored(0, sums.at, stride);
  _tile_stored(1, sums.at + 16, stride);
  if constexpr (kBlocks == 2) {
    _tile_stored(2, second, stride);
    _tile_stored(3, second + 16, stride);
  }
}

template <int kBlocks>
inline void add_steps(const std::uint8_t* q, std::size_t next_block, const std::uint8_t* weights,
                      std::size_t steps, bool first, Sums sums) {
  if (first) return add_steps<kBlocks, true>(q, next_block, weights, steps, sums);
  add_steps<kBlocks, false>(q, next_block, weights, steps, sums);
}

// Some whole tiles of rows and at most kMostTokens tokens.
struct Product {
  const std::uint8_t* codes;
  std::size_t tile_bytes;
  std::size_t tiles;
  const std::uint8_t* table;  // of the first token
  std::size_t block_bytes;
  std::size_t tokens;
};

// Column block by column block: of one, the activations of all tokens stay in the L2 cache and a
// tile's weights in the L1, while the sums pass by.
void multiply_tiles(const Product& p, Sums to) {
  constexpr std::size_t kPair = 2 * kTileTokens;
  alignas(64) std::uint8_t weights[kBlockSteps * 2 * kTileBytes];
  const std::size_t pairs = p.tokens / kPair;
  const std::size_t left = p.tokens % kPair;
  const TileConfig whole(kTileTokens, kTileTokens);
  const TileConfig rest(left < kTileTokens ? left : kTileTokens,
                        left < kTileTokens ? 0 : left - kTileTokens);
  if (left == 0) _tile_loadconfig(&whole);
  if (pairs == 0) _tile_loadconfig(&rest);
  const std::size_t groups = p.tile_bytes / kTwoBitX32GroupBytes;
  constexpr std::size_t kBlockGroups = kBlockSteps * kStepGroups;
  for (std::size_t first = 0; first < groups; first += kBlockGroups) {
    const std::size_t n = groups - first < kBlockGroups ? groups - first : kBlockGroups;
    const std::size_t steps = (n + kStepGroups - 1) / kStepGroups;
    const std::uint8_t* const q = p.table + first / kStepGroups * kTileBytes;
    for (std::size_t tile = 0; tile < p.tiles; ++tile) {
      const std::uint8_t* codes = p.codes + tile * p.tile_bytes + first * kTwoBitX32GroupBytes;
      spread(codes, n, steps, weights);
      memory_barrier();
      const Sums sums{to.at + tile * kTwoBitX32Rows, to.stride};
      if (pairs > 0 && left > 0) _tile_loadconfig(&whole);
      // The next tile's codes, which nothing else asks for before they are spread.
      const std::size_t lines = n * kTwoBitX32GroupBytes / 64;
      for (std::size_t pair = 0; pair < pairs; ++pair) {
        for (std::size_t i = lines * pair / pairs; i < lines * (pair + 1) / pairs; ++i) {
          prefetch_l2(codes, p.tile_bytes + 64 * i);
        }
        add_steps<2>(q + 2 * pair * p.block_bytes, p.block_bytes, weights, steps, first == 0,
                     {sums.at + pair * kPair * sums.stride, sums.stride});
      }
      if (left == 0) continue;
      if (pairs > 0) _tile_loadconfig(&rest);
      const std::uint8_t* const last = q + 2 * pairs * p.block_bytes;
      const Sums last_sums{sums.at + pairs * kPair * sums.stride, sums.stride};
      if (left > kTileTokens) {
        add_steps<2>(last, p.block_bytes, weights, steps, first == 0, last_sums);
      } else {
        add_steps<1>(last, p.block_bytes, weights, steps, first == 0, last_sums);
      }
    }
  }
  memory_barrier();
}

// The matrix's last tile where it has fewer rows: tiles are stored whole.
void multiply_ragged(const Product& p, std::size_t live, std::int32_t* out,
                     std::size_t out_stride) {
  alignas(64) std::int32_t sums[kMostTokens * kTwoBitX32Rows];
  multiply_tiles(p, {sums, kTwoBitX32Rows});
  for (std::size_t t = 0; t < p.tokens; ++t) {
    __builtin_memcpy(out + t * out_stride, sums + t * kTwoBitX32Rows, live * sizeof *out);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t tiles = (rows.end - rows.begin) / kTwoBitX32Rows;
  const std::size_t ragged = (rows.end - rows.begin) % kTwoBitX32Rows;
  for (std::size_t t = 0; t < activations.tokens; t += kMostTokens) {
    Product p{
        .codes = weights.data + rows.begin / kTwoBitX32Rows * weights.tile_bytes,
        .tile_bytes = weights.tile_bytes,
        .tiles = tiles,
        .table = static_cast<const std::uint8_t*>(table) +
                 t / kTileTokens * block_bytes(activations.cols),
        .block_bytes = block_bytes(activations.cols),
        .tokens = activations.tokens - t < kMostTokens ? activations.tokens - t : kMostTokens,
    };
    std::int32_t* const to = out + t * out_stride;
    multiply_tiles(p, {to, out_stride});
    if (ragged == 0) continue;
    p.codes += tiles * p.tile_bytes;
    p.tiles = 1;
    multiply_ragged(p, ragged, to + tiles * kTwoBitX32Rows, out_stride);
  }
  _tile_release();
}

}  // namespace

extern const Kernel kernel_two_bit_x32_amx_int8;
constinit const Kernel kernel_two_bit_x32_amx_int8{
    .name = "amx-int8",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
};

}  // namespace ryz
