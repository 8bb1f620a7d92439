// two-bit-x32 for prompts on AVX2, by vector tables: a byte is four weights, 4 columns apart, c = Σ
// (w_f + 1)·3^f of its fields f, and table b of a group of 16 columns holds Σ_f w_f·q[16g + 4f + b]
// for the 81 codes c and 16 tokens, int16. So a lookup is one addition whose operand is loaded, 64
// multiply-adds, where vpmaddubsw and its addition give 32. (Vec-LUT, arXiv 2512.06443.)
//
// A step is the columns of two groups: its eight tables, 20 KB, stay in the L1 cache while all rows
// go by, and a row's sums are loaded and stored once for eight lookups. Tried and lost: 32 tokens
// and one group, whose sums need twice the loads and stores; a code a byte, which needs more
// shifts than a place in 16 bits.
//
// Ranges. |entry| ≤ 4·128 = 512. Int16 sums are added to the results before they could overflow:
// the Σ |q| of the columns that they hold bounds them, and is kept for each token; one step's is at
// most 32·128 = 4096.
#include <new>

#include "kernels/scratch.h"
#include "kernels/variants/two_bit_x32_avx2.h"

namespace ryz {
namespace {

constexpr std::size_t kTokens = 16;  // of a block: int16 lanes
constexpr std::size_t kBlocks = 4;   // whose lookups share a step's places
constexpr std::size_t kStepGroups = 2;
constexpr std::size_t kStepCols = kStepGroups * kTwoBitX32GroupCols;
constexpr std::size_t kTables = 4 * kStepGroups;
constexpr std::size_t kCodes = 81;
// Rows of a pass: more of them share the tables, fewer keep their sums in the L2 cache.
constexpr std::size_t kMostTiles = 108;
constexpr std::size_t kMostRows = kMostTiles * kTwoBitX32Rows;
// Below this, building the tables costs more than they save.
constexpr std::size_t kLeastTiles = 4;
// As long as this many tokens take by vpmaddubsw, a block takes by tables.
constexpr std::size_t kLeastTokens = 10;

static_assert(kActivationBlock % kStepCols == 0 && kBuildAlign % kStepCols == 0);

std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

std::size_t steps_of(std::size_t cols) { return (cols + kStepCols - 1) / kStepCols; }

// Blocks of tokens by tables; of the last one some may be missing.
std::size_t blocks_of(std::size_t tokens) { return (tokens + kTokens - kLeastTokens) / kTokens; }

// What multiply() reads of a block: int8 [column][16 tokens].
std::size_t block_bytes(std::size_t cols) { return steps_of(cols) * kStepCols * kTokens; }

std::size_t table_bytes(std::size_t cols, std::size_t tokens) {
  return blocks_of(tokens) * block_bytes(cols);
}

// Bytes of 16 rows become bytes of 16 columns.
inline void transpose_bytes(__m128i (&v)[16]) {
#pragma GCC unroll 4
  for (int pass = 0; pass < 4; ++pass) {
    __m128i w[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      w[2 * i] = _mm_unpacklo_epi8(v[i], v[i + 8]);
      w[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + 8]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) v[i] = w[i];
  }
}

// Columns in groups of one; zeros for tokens that are missing.
void build(const Activations& activations, GroupRange columns, void* table) noexcept {
  const std::size_t end = steps_of(columns.end) * kStepCols;
  for (std::size_t b = 0; b < blocks_of(activations.tokens); ++b) {
    const std::size_t first = b * kTokens;
    const std::size_t live = smaller(kTokens, activations.tokens - first);
    std::uint8_t* to = static_cast<std::uint8_t*>(table) + b * block_bytes(activations.cols);
    for (std::size_t k = columns.begin; k < end; k += 16) {
      __m128i v[16];
#pragma GCC unroll 16
      for (std::size_t t = 0; t < kTokens; ++t) {
        const std::int8_t* q = activations.q + (first + t) * activations.stride + k;
        v[t] = t < live ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(q)) : __m128i{};
      }
      transpose_bytes(v);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < 16; ++i) {
        _mm_store_si128(reinterpret_cast<__m128i*>(to + (k + i) * kTokens), v[i]);
      }
    }
  }
}

using Vector = std::int16_t[kTokens];

inline __m256i load_vector(const void* p) {
  return _mm256_load_si256(static_cast<const __m256i*>(p));
}
inline void store_vector(void* p, __m256i v) { _mm256_store_si256(static_cast<__m256i*>(p), v); }

// Tables side by side, so that a code's place is the code shifted.
struct alignas(64) Tables {
  Vector entries[kCodes][kTables];
};
constexpr int kPlaceShift = 8;
static_assert(sizeof(Vector[kTables]) == 1U << kPlaceShift);

// A row's places in a group.
using Places = std::uint16_t[4];

// Rows of places and sums lie as vpunpck leaves them: 0, 1, 4, 5, 2, 3, 6, 7 of each eight.
constexpr std::size_t place_of_row(std::size_t row) {
  return (row & ~std::size_t{6}) | (row & 2) << 1 | (row & 4) >> 1;
}

// The places of eight rows in a group of columns.
inline void find_places(__m256i c, Places* places) {
  // f0 + 3·f1 of a nibble f0 + 4·f1, and nine times that.
  const __m256i low =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 0, 0, 0, 0));
  const __m256i high = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 9, 18, 0, 27, 36, 45, 0, 54, 63, 72, 0, 0, 0, 0, 0));
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i code =
      _mm256_add_epi8(_mm256_shuffle_epi8(low, _mm256_and_si256(c, nibble)),
                      _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble)));
  // A code in the high byte is shifted by kPlaceShift.
  const __m256i zero = _mm256_setzero_si256();
  store_vector(places[0], _mm256_unpacklo_epi8(zero, code));
  store_vector(places[4], _mm256_unpackhi_epi8(zero, code));
}

// sum += the entry of table kTable at a place. Left to itself g++ 12 holds base addresses in
// registers that it does not have.
template <int kTable>
inline void add_entry(__m256i& sum, const Tables& tables, std::uint64_t place) {
  asm("vpaddw %c3(%1,%2), %0, %0"
      : "+x"(sum)
      : "r"(&tables), "r"(place), "i"(kTable * sizeof(Vector)), "m"(tables));
}

template <int kFirst>
inline void add_entries(__m256i& sum, const Tables& tables, const std::uint16_t* places) {
  // One load for four places: the load ports are what this loop waits for.
  std::uint64_t four;
  __builtin_memcpy(&four, places, sizeof four);
  add_entry<kFirst>(sum, tables, static_cast<std::uint16_t>(four));
  add_entry<kFirst + 1>(sum, tables, _bextr_u64(four, 16, 16));
  add_entry<kFirst + 2>(sum, tables, _bextr_u64(four, 32, 16));
  add_entry<kFirst + 3>(sum, tables, four >> 48);
}

// kEmpty: there are no sums yet.
template <bool kEmpty>
inline void add_rows(const Tables& tables, const Places* first, const Places* second,
                     std::size_t rows, Vector* sums) {
#pragma GCC unroll 2
  for (std::size_t r = 0; r < rows; ++r) {
    __m256i sum = kEmpty ? _mm256_setzero_si256() : load_vector(sums[r]);
    add_entries<0>(sum, tables, first[r]);
    add_entries<4>(sum, tables, second[r]);
    store_vector(sums[r], sum);
  }
}

inline __m256i column(const std::uint8_t* columns, std::size_t k) {
  return _mm256_cvtepi8_epi16(
      _mm_load_si128(reinterpret_cast<const __m128i*>(columns + k * kTokens)));
}

// Sums of two columns with the weights (i % 3 - 1, i / 3 - 1).
inline void nine_sums(__m256i a, __m256i b, __m256i (&sums)[9]) {
  const __m256i zero = _mm256_setzero_si256();
  sums[4] = zero;
  sums[5] = a;
  sums[3] = _mm256_sub_epi16(zero, a);
  sums[7] = b;
  sums[1] = _mm256_sub_epi16(zero, b);
  sums[8] = _mm256_add_epi16(b, a);
  sums[6] = _mm256_sub_epi16(b, a);
  sums[2] = _mm256_sub_epi16(a, b);
  sums[0] = _mm256_sub_epi16(sums[1], a);
}

// `columns`: of byte b of a group.
inline void build_table(const std::uint8_t* columns, std::size_t table, Tables& tables) {
  __m256i low[9];
  nine_sums(column(columns, 0), column(columns, 4), low);
  alignas(32) Vector high[9];
  {
    __m256i sums[9];
    nine_sums(column(columns, 8), column(columns, 12), sums);
#pragma GCC unroll 9
    for (std::size_t i = 0; i < 9; ++i) store_vector(high[i], sums[i]);
  }
  for (std::size_t i = 0; i < 9; ++i) {
    const __m256i h = load_vector(high[i]);
#pragma GCC unroll 9
    for (std::size_t j = 0; j < 9; ++j) {
      store_vector(tables.entries[9 * i + j][table], _mm256_add_epi16(h, low[j]));
    }
  }
}

// Rows of a pass and the tokens of kBlocks blocks.
struct Operands {
  const std::uint8_t* codes;
  std::size_t tile_bytes;
  std::size_t rows;
  const std::uint8_t* table;  // of the first block
  std::size_t block_bytes;
  std::size_t tokens;
  std::int32_t* out;
  std::size_t out_stride;
};

class Lookups {
 public:
  explicit Lookups(const Operands& operands) : to_(operands) {}

  void run() {
    const std::size_t groups = to_.tile_bytes / kTwoBitX32GroupBytes;
    const std::size_t blocks = (to_.tokens + kTokens - 1) / kTokens;
    const std::size_t padded = round_up(to_.rows, kTwoBitX32Rows);
    for (std::size_t g = 0; g < groups; g += kStepGroups) {
      for (std::size_t r = 0; r < padded; r += kTwoBitX32Rows) find_tile_places(r, g, groups);
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::uint8_t* columns =
            to_.table + b * to_.block_bytes + g * kTwoBitX32GroupCols * kTokens;
        make_room(b, columns);
        for (std::size_t i = 0; i < kTables; ++i) {
          build_table(columns + (i / 4 * kTwoBitX32GroupCols + i % 4) * kTokens, i, tables_);
        }
        if (state_[b].empty) {
          add_rows<true>(tables_, places_[0], places_[1], padded, sums_[b]);
        } else {
          add_rows<false>(tables_, places_[0], places_[1], padded, sums_[b]);
        }
        state_[b].empty = false;
      }
    }
    for (std::size_t b = 0; b < blocks; ++b) widen(b);
  }

 private:
  struct State {
    __m256i bound = _mm256_setzero_si256();  // of a token's sums
    bool empty = true;                       // sums_ hold nothing
    bool written = false;                    // out holds earlier groups' sums
  };

  void find_tile_places(std::size_t row, std::size_t group, std::size_t groups) {
    const std::uint8_t* codes =
        to_.codes + row / kTwoBitX32Rows * to_.tile_bytes + group * kTwoBitX32GroupBytes;
    for (std::size_t i = 0; i < kStepGroups; ++i) {
      for (std::size_t r = 0; r < kTwoBitX32Rows; r += kLanes) {
        // Weights of 0 where the matrix has no such group.
        __m256i c = _mm256_set1_epi8(0x55);
        if (group + i < groups) c = load32(codes + i * kTwoBitX32GroupBytes + 4 * r);
        find_places(c, places_[i] + row + r);
      }
    }
    // The next step's: too many streams, a tile each, for the hardware to follow.
    for (std::size_t line = 0; line < kStepGroups * kTwoBitX32GroupBytes; line += 64) {
      prefetch_l2(codes, kStepGroups * kTwoBitX32GroupBytes + line);
    }
  }

  void make_room(std::size_t block, const std::uint8_t* columns) {
    __m256i magnitude = _mm256_setzero_si256();
    for (std::size_t k = 0; k < kStepCols; ++k) {
      magnitude = _mm256_add_epi16(magnitude, _mm256_abs_epi16(column(columns, k)));
    }
    // Saturating: a bound that is too high to be counted is too high.
    const __m256i bound = _mm256_adds_epu16(state_[block].bound, magnitude);
    const __m256i over = _mm256_subs_epu16(bound, _mm256_set1_epi16(32767));
    if (_mm256_testz_si256(over, over)) {
      state_[block].bound = bound;
      return;
    }
    widen(block);
    state_[block].bound = magnitude;
  }

  // Sums go to `out`, transposed.
  void widen(std::size_t block) {
    State& state = state_[block];
    const std::size_t tokens = smaller(kTokens, to_.tokens - block * kTokens);
    for (std::size_t r = 0; r < to_.rows; r += kLanes) {
      const std::size_t live = to_.rows - r;
      for (std::size_t half = 0; half < tokens; half += kLanes) {
        __m256i v[kLanes];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLanes; ++i) {
          const std::int16_t* from = &sums_[block][r + place_of_row(i)][half];
          v[i] = _mm256_cvtepi16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(from)));
        }
        transpose(v);
        const std::size_t last = smaller(kLanes, tokens - half);
        for (std::size_t i = 0; i < last; ++i) {
          std::int32_t* out = to_.out + (block * kTokens + half + i) * to_.out_stride + r;
          if (state.written) v[i] = _mm256_add_epi32(v[i], load_live(out, live));
          store_live(out, v[i], live);
        }
      }
    }
    state.written = true;
    state.empty = true;
  }

  static void transpose(__m256i (&v)[kLanes]) {
    __m256i w[kLanes];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      w[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
      w[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    // u[4h + j]: column j, and 4 + j in the upper lane, of rows 4h .. 4h + 3.
    __m256i u[kLanes];
#pragma GCC unroll 2
    for (int h = 0; h < 8; h += 4) {
      u[h] = _mm256_unpacklo_epi64(w[h], w[h + 2]);
      u[h + 1] = _mm256_unpackhi_epi64(w[h], w[h + 2]);
      u[h + 2] = _mm256_unpacklo_epi64(w[h + 1], w[h + 3]);
      u[h + 3] = _mm256_unpackhi_epi64(w[h + 1], w[h + 3]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      v[j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
      v[4 + j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
    }
  }

  Operands to_;
  State state_[kBlocks];
  Tables tables_;
  alignas(64) Places places_[kStepGroups][kMostRows];
  alignas(64) Vector sums_[kBlocks][kMostRows];
};

// In small pages where there is no memory for huge ones.
[[gnu::noinline]] void run_on_the_stack(const Operands& operands) { Lookups(operands).run(); }

void multiply(const PackedView& weights, const Activations& activations, const void* table,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const std::size_t n = rows.end - rows.begin;
  const std::size_t by_table =
      n < kLeastTiles * kTwoBitX32Rows
          ? 0
          : smaller(activations.tokens, blocks_of(activations.tokens) * kTokens);
  if (by_table < activations.tokens) {
    multiply_by_maddubs(weights, activations, by_table, rows, out, out_stride);
  }
  void* const scratch = thread_scratch(sizeof(Lookups));
  const std::size_t passes = (n + kMostRows - 1) / kMostRows;
  const std::size_t pass_rows =
      passes == 0 ? 0 : round_up((n + passes - 1) / passes, kTwoBitX32Rows);
  for (std::size_t t = 0; t < by_table; t += kBlocks * kTokens) {
    for (std::size_t first = 0; first < n; first += pass_rows) {
      const std::size_t row = rows.begin + first;
      const Operands operands{
          .codes = weights.data + row / kTwoBitX32Rows * weights.tile_bytes,
          .tile_bytes = weights.tile_bytes,
          .rows = smaller(pass_rows, n - first),
          .table =
              static_cast<const std::uint8_t*>(table) + t / kTokens * block_bytes(activations.cols),
          .block_bytes = block_bytes(activations.cols),
          .tokens = smaller(kBlocks * kTokens, by_table - t),
          .out = out + t * out_stride + first,
          .out_stride = out_stride,
      };
      if (scratch == nullptr) {
        run_on_the_stack(operands);
      } else {
        (new (scratch) Lookups(operands))->run();
      }
    }
  }
}

}  // namespace

extern const Kernel kernel_two_bit_x32_avx2_vectors;
constinit const Kernel kernel_two_bit_x32_avx2_vectors{
    .name = "avx2-vectors",
    .encoding = &encoding_two_bit_x32,
    .needs = kCompiledIsa,
    .table_bytes = table_bytes,
    .build = build,
    .multiply = multiply,
    .token_block = kBlocks * kTokens,
};

}  // namespace ryz
