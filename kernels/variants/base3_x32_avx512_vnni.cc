// base3-x32 by vpdpbusd: vpermb turns a byte's low six bits into four two-bit fields. A few tokens
// use fields in place, as in two_bit_x32_avx512_vnni.h; more share what is unpacked to bytes.
//
// Ranges. As there, a masked dword gives at most 2^16 in magnitude; the fourth and the fifth digit
// end up in one sum of scale 64, to which a group adds at most 2^17: an int32 takes 2^13 groups
// with a bit to spare.
#include "kernels/encodings/base3_x32.h"
#include "kernels/scratch.h"
#include "kernels/variants/prefetch.h"
#include "kernels/variants/unpacked_avx512_vnni.h"

namespace ryz {
namespace {

constexpr std::size_t kOverflowGroups = std::size_t{1} << 13;
// Fewer tokens do not pay for unpacking.
constexpr std::size_t kLeastUnpackedTokens = 12;
// Groups that are unpacked at a time, to 40 KB. With 8 KB (of two-bit-x32's, where this was tried)
// results went to and fro too often; 80 KB were slower beside a busy sibling.
constexpr std::size_t kUnpackedGroups = 64;

struct Bytes64 {
  alignas(64) std::uint8_t at[64] = {};
};

// Four digits in fields of two bits, for the bytes first + 0..63.
constexpr Bytes64 four_digits(unsigned first) {
  Bytes64 table;
  for (unsigned i = 0; i < 64; ++i) {
    unsigned fields = 0;
    for (unsigned f = 0; f < 4; ++f) fields |= base3_digit(first + i, f) << (2 * f);
    table.at[i] = static_cast<std::uint8_t>(fields);
  }
  return table;
}

// The fifth digit of the bytes from kBase3Overflow up, in bits 7-6.
constexpr Bytes64 fifth_digit() {
  Bytes64 table;
  for (unsigned i = 0; i < 64; ++i) {
    table.at[i] = static_cast<std::uint8_t>(base3_digit(kBase3Overflow + i, 4) << 6);
  }
  return table;
}

constexpr Bytes64 kLow = four_digits(0);
constexpr Bytes64 kOver = four_digits(kBase3Overflow);
constexpr Bytes64 kOverFifth = fifth_digit();

struct Tables {
  __m512i low = _mm512_load_si512(kLow.at);
  __m512i over = _mm512_load_si512(kOver.at);
  __m512i over_fifth = _mm512_load_si512(kOverFifth.at);
  __m512i overflow = _mm512_set1_epi8(static_cast<char>(kBase3Overflow));
  __m512i field[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0C), _mm512_set1_epi8(0x30),
                      _mm512_set1_epi8(static_cast<char>(0xC0))};
};

// 64 codes as fields: the first four digits, and the fifth in bits 7-6 of a register whose other
// bits mean nothing.
struct Digits {
  __m512i four;
  __m512i fifth;

  Digits(__m512i c, const Tables& tables) {
    const __mmask64 over = _mm512_cmpge_epu8_mask(c, tables.overflow);
    four = _mm512_permutexvar_epi8(c, tables.low);
    four = _mm512_mask_permutexvar_epi8(four, over, c, tables.over);
    fifth = _mm512_mask_permutexvar_epi8(c, over, c, tables.over_fifth);
  }
};

// Sums that a token has for a register of rows. Several tokens' digits of scale 64 share one, or
// they would not fit the registers; with one token two products in one chain held the loop up.
template <int kT>
inline constexpr int kSums = kT == 1 ? 5 : 4;

// acc[t][f][half] += the group's fields times the activations of kT tokens, 16 rows a half.
template <int kT, int kHalves, Prefetch kAsk>
inline void add_group(const std::uint8_t* codes, const std::int8_t* q, std::size_t stride,
                      const Tables& tables, __m512i (&acc)[kT][kSums<kT>][kHalves]) {
#pragma GCC unroll 2
  for (int half = 0; half < kHalves; ++half) {
    __m512i c = _mm512_loadu_si512(codes + 64 * half);
    ask_ahead<kAsk>(codes + 64 * half, c);
    const Digits digits(c, tables);
    __m512i x[5];
#pragma GCC unroll 4
    for (int f = 0; f < 4; ++f) x[f] = _mm512_and_si512(digits.four, tables.field[f]);
    x[4] = _mm512_and_si512(digits.fifth, tables.field[3]);
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
      const std::int8_t* a = q + static_cast<std::size_t>(t) * stride;
#pragma GCC unroll 5
      for (int f = 0; f < 5; ++f) {
        __m512i& sum = acc[t][f < kSums<kT> ? f : 3][half];
        sum = add_dot(sum, x[f], broadcast_dword(a + 4 * f));
      }
    }
    if constexpr (kAsk != Prefetch::kNone) go_on_after(acc[0][3][half], codes);
  }
}

struct Tile {
  const std::uint8_t* codes;
  std::size_t groups;
  std::uint32_t live;  // a bit a row
  std::int32_t* out;
  std::size_t out_stride;
};

// kT tokens × 16 · kHalves rows.
template <int kT, int kHalves, Prefetch kAsk>
inline void run(const Tile& tile, const Activations& activations, std::size_t token,
                const Tables& tables) {
  const std::uint8_t* codes = tile.codes;
  const std::int8_t* q = activations.q + token * activations.stride;
  __m512i total[kT][kHalves];
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) total[t][half] = _mm512_setzero_si512();
  }
  std::size_t whole = tile.groups - 1;
  bool more = true;
  while (more) {
    const std::size_t n = whole < kOverflowGroups ? whole : kOverflowGroups;
    __m512i acc[kT][kSums<kT>][kHalves];
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 5
      for (int f = 0; f < kSums<kT>; ++f) {
#pragma GCC unroll 2
        for (int half = 0; half < kHalves; ++half) acc[t][f][half] = _mm512_setzero_si512();
      }
    }
    for (std::size_t g = 0; g < n; ++g) {
      add_group<kT, kHalves, kAsk>(codes, q, activations.stride, tables, acc);
      codes += kBase3X32GroupBytes;
      q += kBase3X32GroupCols;
    }
    whole -= n;
    if (whole == 0) {
      Base3Columns last[kT];
      for (std::size_t t = 0; t < kT; ++t) {
        last[t] = base3_last_columns(activations.q + (token + t) * activations.stride,
                                     (tile.groups - 1) * kBase3X32GroupCols, activations.cols);
      }
      add_group<kT, kHalves, Prefetch::kNone>(codes, last[0].q, sizeof last[0], tables, acc);
      more = false;
    }
#pragma GCC unroll 4
    for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 2
      for (int half = 0; half < kHalves; ++half) {
        __m512i sum = acc[t][3][half];
        if constexpr (kSums<kT> == 5) sum = _mm512_add_epi32(sum, acc[t][4][half]);
#pragma GCC unroll 3
        for (int f = 2; f >= 0; --f) {
          sum = _mm512_add_epi32(_mm512_srai_epi32(sum, 2), acc[t][f][half]);
        }
        total[t][half] = _mm512_add_epi32(total[t][half], sum);
      }
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < kT; ++t) {
    const std::size_t i = token + static_cast<std::size_t>(t);
    const __m512i minus = _mm512_set1_epi32(activations.sums[i]);
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      const auto live = static_cast<__mmask16>(tile.live >> (16 * half));
      if (live == 0) continue;
      _mm512_mask_storeu_epi32(tile.out + i * tile.out_stride + 16 * half, live,
                               _mm512_sub_epi32(total[t][half], minus));
    }
  }
}

// Groups as bytes, a step a digit.
void unpack(const std::uint8_t* codes, std::size_t groups, const Tables& tables,
            std::uint8_t* bytes) {
  const __m512i digit = tables.field[0];
  for (std::size_t g = 0; g < groups; ++g) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const Digits digits(_mm512_loadu_si512(codes + 64 * half), tables);
      std::uint8_t* const to = bytes + 64 * half;
#pragma GCC unroll 4
      for (int f = 0; f < 4; ++f) {
        _mm512_store_si512(to + kStepBytes * f,
                           _mm512_and_si512(_mm512_srli_epi16(digits.four, 2 * f), digit));
      }
      _mm512_store_si512(to + kStepBytes * 4,
                         _mm512_and_si512(_mm512_srli_epi16(digits.fifth, 6), digit));
    }
    codes += kBase3X32GroupBytes;
    bytes += kBase3Digits * kStepBytes;
  }
}

// All tokens, by way of `bytes`, which hold kUnpackedGroups groups.
void run_unpacked(const Tile& tile, const Activations& activations, const Tables& tables,
                  std::uint8_t* bytes) {
  const std::size_t all_steps = (activations.cols + 3) / 4;  // the last group may end past them
  for (std::size_t g = 0; g < tile.groups; g += kUnpackedGroups) {
    const std::size_t left = tile.groups - g;
    const std::size_t n = left < kUnpackedGroups ? left : kUnpackedGroups;
    unpack(tile.codes + g * kBase3X32GroupBytes, n, tables, bytes);
    const std::size_t first = g * kBase3Digits;
    const std::size_t steps = n * kBase3Digits;
    multiply_unpacked({.bytes = bytes,
                       .first_step = first,
                       .steps = all_steps - first < steps ? all_steps - first : steps,
                       .live = tile.live,
                       .out = tile.out,
                       .out_stride = tile.out_stride},
                      activations);
  }
}

void multiply(const PackedView& weights, const Activations& activations, const void* /*table*/,
              RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept {
  tally_call(kCompiledIsa);
  const Tables tables;
  const Prefetch prefetch = certain_prefetch();
  std::uint8_t* bytes = nullptr;  // where there is no memory, too
  if (activations.tokens >= kLeastUnpackedTokens) {
    bytes = static_cast<std::uint8_t*>(thread_scratch(kUnpackedGroups * kBase3Digits * kStepBytes));
  }
  for (std::size_t first = rows.begin; first < rows.end; first += kBase3X32Rows) {
    const std::size_t left = rows.end - first;
    const Tile tile{
        .codes = weights.data + first / kBase3X32Rows * weights.tile_bytes,
        .groups = weights.tile_bytes / kBase3X32GroupBytes,
        .live = left < kBase3X32Rows ? (std::uint32_t{1} << left) - 1 : ~std::uint32_t{0},
        .out = out + (first - rows.begin),
        .out_stride = out_stride,
    };
    if (bytes != nullptr) {
      run_unpacked(tile, activations, tables, bytes);
      continue;
    }
    const Tile upper{tile.codes + 64, tile.groups, tile.live >> 16, tile.out + 16, out_stride};
    std::size_t t = 0;
    // Four tokens' sums of 32 rows would not fit the registers.
    for (; t + 4 <= activations.tokens; t += 4) {
      run<4, 1, Prefetch::kNone>(tile, activations, t, tables);
      if (upper.live != 0) run<4, 1, Prefetch::kNone>(upper, activations, t, tables);
    }
    for (; t < activations.tokens; ++t) {
      with_prefetch(prefetch, [&](auto ask) {
        run<1, 2, decltype(ask)::value>(tile, activations, t, tables);
      });
    }
  }
}

}  // namespace

extern const Kernel kernel_base3_x32_avx512_vnni;
constinit const Kernel kernel_base3_x32_avx512_vnni{
    .name = "avx512-vnni",
    .encoding = &encoding_base3_x32,
    .needs = kCompiledIsa,
    .table_bytes = nullptr,
    .build = nullptr,
    .multiply = multiply,
};

}  // namespace ryz
