// two-bit-x32 by AMX tiles, for many tokens: codes are spread to bytes once and then meet sixteen
// tokens an instruction. A group's field is already a row of a tile (16 rows × 4 columns), and
// activations are tiles as they lie. Ranges: w + 1 ≤ 2, so int32 holds 2·128·K for K < 2^23.
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
constexpr std::size_t kBlockSteps = 8;
// Bytes of activations that stay in the L2 cache while rows go by.
constexpr std::size_t kTokenBytes = std::size_t{1} << 20;
constexpr std::size_t kMostTokens = 512;

static_assert(kActivationBlock % kStepCols == 0, "a step's activations are readable");

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

// Weights of `steps` steps as bytes w + 1: [step][half of the rows][16 × 4 columns][16 rows × 4].
// Groups past the last are zeros, since their activations may be past the readable ones' end.
inline void spread(const std::uint8_t* codes, std::size_t groups, std::size_t steps,
                   std::uint8_t* out) {
  const __m512i low = _mm512_set1_epi8(3);
  for (std::size_t g = 0; g < steps * kStepGroups; ++g) {
    for (std::size_t half = 0; half < 2; ++half) {
      __m512i c = _mm512_setzero_si512();
      if (g < groups) c = _mm512_loadu_si512(codes + g * kTwoBitX32GroupBytes + 64 * half);
      std::uint8_t* to = out + (g / kStepGroups * 2 + half) * kTileBytes + g % kStepGroups * 256;
#pragma GCC unroll 4
      for (unsigned f = 0; f < 4; ++f) {
        _mm512_store_si512(to + 64 * f, _mm512_and_si512(_mm512_srli_epi16(c, 2 * f), low));
      }
    }
  }
}

// sums[16 or 32 tokens][32 rows] += activations × weights; kBlocks blocks of sixteen tokens.
template <int kBlocks>
inline void add_steps(const std::int8_t* q, std::size_t stride, const std::uint8_t* weights,
                      std::size_t steps, std::int32_t* sums) {
  constexpr std::size_t kSumStride = kTwoBitX32Rows * sizeof(std::int32_t);
  _tile_loadd(0, sums, kSumStride);
  _tile_loadd(1, sums + 16, kSumStride);
  if constexpr (kBlocks == 2) {
    _tile_loadd(2, sums + kTileTokens * kTwoBitX32Rows, kSumStride);
    _tile_loadd(3, sums + kTileTokens * kTwoBitX32Rows + 16, kSumStride);
  }
  for (std::size_t s = 0; s < steps; ++s) {
    // The next step's activations, a line a token: no prefetcher of the hardware follows those.
    // Two and four steps ahead won less.
#pragma GCC unroll 32
    for (std::size_t t = 0; t < kBlocks * kTileTokens; ++t) {
      prefetch_line(q, t * stride + kStepCols);
    }
    _tile_loadd(6, weights, 64);
    _tile_loadd(4, q, stride);
    _tile_loadd(7, weights + kTileBytes, 64);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    if constexpr (kBlocks == 2) {
      _tile_loadd(5, q + kTileTokens * stride, stride);
      _tile_dpbsud(2, 5, 6);
      _tile_dpbsud(3, 5, 7);
    }
    weights += 2 * kTileBytes;
    q += kStepCols;
  }
  _tile_stored(0, sums, kSumStride);
  _tile_stored(1, sums + 16, kSumStride);
  if constexpr (kBlocks == 2) {
    _tile_stored(2, sums + kTileTokens * kTwoBitX32Rows, kSumStride);
    _tile_stored(3, sums + kTileTokens * kTwoBitX32Rows + 16, kSumStride);
  }
}

// One tile of rows × tokens [token, token + count).
inline void multiply_tile(const std::uint8_t* codes, std::size_t groups,
                          const Activations& activations, std::size_t token, std::size_t count,
                          std::uint32_t live, std::int32_t* out, std::size_t out_stride) {
  alignas(64) std::uint8_t weights[kBlockSteps * 2 * kTileBytes];
  alignas(64) std::int32_t sums[kMostTokens * kTwoBitX32Rows];
  for (std::size_t t = 0; t < count; ++t) {
    const __m512i minus = _mm512_set1_epi32(-activations.sums[token + t]);
    _mm512_store_si512(sums + t * kTwoBitX32Rows, minus);
    _mm512_store_si512(sums + t * kTwoBitX32Rows + 16, minus);
  }
  const std::size_t pairs = count / (2 * kTileTokens) * (2 * kTileTokens);
  const TileConfig whole(kTileTokens, kTileTokens);
  const std::size_t left = count - pairs;
  const TileConfig rest(left < kTileTokens ? left : kTileTokens,
                        left < kTileTokens ? 0 : left - kTileTokens);
  if (pairs > 0 && left == 0) _tile_loadconfig(&whole);
  if (pairs == 0) _tile_loadconfig(&rest);
  constexpr std::size_t kBlockGroups = kBlockSteps * kStepGroups;
  for (std::size_t first = 0; first < groups; first += kBlockGroups) {
    const std::size_t n = groups - first < kBlockGroups ? groups - first : kBlockGroups;
    const std::size_t steps = (n + kStepGroups - 1) / kStepGroups;
    spread(codes + first * kTwoBitX32GroupBytes, n, steps, weights);
    memory_barrier();
    const std::int8_t* q = activations.q + token * activations.stride + first * kTwoBitX32GroupCols;
    if (pairs > 0 && left > 0) _tile_loadconfig(&whole);
    for (std::size_t t = 0; t < pairs; t += 2 * kTileTokens) {
      add_steps<2>(q + t * activations.stride, activations.stride, weights, steps,
                   sums + t * kTwoBitX32Rows);
    }
    if (left == 0) continue;
    if (pairs > 0) _tile_loadconfig(&rest);
    q += pairs * activations.stride;
    if (left > kTileTokens) {
      add_steps<2>(q, activations.stride, weights, steps, sums + pairs * kTwoBitX32Rows);
    } else {
      add_steps<1>(q, activations.stride, weights, steps, sums + pairs * kTwoBitX32Rows);
    }
  }
  memory_barrier();
  for (std::size_t t = 0; t < count; ++t) {
    std::int32_t* y = out + t * out_stride;
    const std::int32_t* s = sums + t * kTwoBitX32Rows;
    _mm512_mask_storeu_epi32(y, static_cast<__mmask16>(live), _mm512_load_si512(s));
    if ((live >> 16) == 0) continue;
    _mm512_mask_storeu_epi32(y + 16, static_cast<__mmask16>(live >> 16), _mm512_load_si512(s + 16));
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t groups = weights.tile_bytes / kTwoBitX32GroupBytes;
  std::size_t most = kTokenBytes / activations.stride / (2 * kTileTokens) * (2 * kTileTokens);
  if (most > kMostTokens) most = kMostTokens;
  if (most == 0) most = 2 * kTileTokens;
  for (std::size_t t = 0; t < activations.tokens; t += most) {
    const std::size_t count = activations.tokens - t < most ? activations.tokens - t : most;
    for (std::size_t first = rows.begin; first < rows.end; first += kTwoBitX32Rows) {
      const std::size_t left = rows.end - first;
      multiply_tile(weights.data + first / kTwoBitX32Rows * weights.tile_bytes, groups, activations,
                    t, count,
                    left < kTwoBitX32Rows ? (std::uint32_t{1} << left) - 1 : ~std::uint32_t{0},
                    out + t * out_stride + (first - rows.begin), out_stride);
    }
  }
  _tile_release();
}

}  // namespace

extern const Kernel kernel_two_bit_x32_amx_int8;
constinit const Kernel kernel_two_bit_x32_amx_int8{
    .name = "amx-int8",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
