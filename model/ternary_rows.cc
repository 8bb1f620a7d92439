#include "model/ternary_rows.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace ryz {
namespace {

constexpr std::size_t kI2sBlock = 128;
constexpr std::size_t kI2sBytes = 32;
constexpr std::size_t kTqBlock = 256;
constexpr std::size_t kTq1Bytes = 54;
constexpr std::size_t kTq2Bytes = 66;
constexpr std::size_t kTq1Fives = 48;  // bytes of five trits; four bytes of four follow

constexpr std::size_t block_bytes(TernaryFormat format) {
  switch (format) {
    case TernaryFormat::kI2S:
      return kI2sBytes;
    case TernaryFormat::kTq1:
      return kTq1Bytes;
    case TernaryFormat::kTq2:
      return kTq2Bytes;
  }
  return 0;
}

__m128i load(const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
void store(std::int8_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }

// 32 bytes of 2-bit codes as 128 trits; byte j's code in bits 1-0 is weight kFirst + j, the next
// ones kStep further.
template <int kFirst, int kStep>
void read_codes(const std::uint8_t* bytes, std::int8_t* trits) {
  const __m128i three = _mm_set1_epi8(3);
  const __m128i one = _mm_set1_epi8(1);
  for (std::ptrdiff_t j = 0; j < 32; j += 16) {
    const __m128i codes = load(bytes + j);
    const auto put = [&](int n, __m128i shifted) {
      store(trits + j + kFirst + n * kStep, _mm_sub_epi8(_mm_and_si128(shifted, three), one));
    };
    put(0, codes);
    put(1, _mm_srli_epi16(codes, 2));
    put(2, _mm_srli_epi16(codes, 4));
    put(3, _mm_srli_epi16(codes, 6));
  }
}
constexpr auto read_i2s_block = read_codes<96, -32>;
constexpr auto read_tq2_half = read_codes<0, 32>;

// The first trit of 16 fractions: ⌊3b/256⌋ - 1 without a multiplication.
__m128i first_trits(__m128i fractions) {
  const __m128i one_third = _mm_set1_epi8(86);
  const __m128i two_thirds = _mm_set1_epi8(static_cast<char>(171));
  const __m128i above_one = _mm_cmpeq_epi8(_mm_max_epu8(fractions, one_third), fractions);
  const __m128i above_two = _mm_cmpeq_epi8(_mm_max_epu8(fractions, two_thirds), fractions);
  return _mm_sub_epi8(_mm_sub_epi8(_mm_set1_epi8(-1), above_one), above_two);
}

void read_tq1_block(const std::uint8_t* bytes, std::int8_t* trits) {
  const auto five = [&](std::size_t byte, std::int8_t* out, std::size_t step) {
    __m128i fractions = load(bytes + byte);
    for (std::size_t n = 0; n < 5; ++n) {
      store(out + n * step, first_trits(fractions));
      fractions = _mm_add_epi8(_mm_add_epi8(fractions, fractions), fractions);
    }
  };
  five(0, trits, 32);
  five(16, trits + 16, 32);
  five(32, trits + 160, 16);
  for (std::size_t j = 0; j < 4; ++j) {
    std::uint8_t fraction = bytes[kTq1Fives + j];
    for (std::size_t n = 0; n < 4; ++n) {
      trits[240 + j + 4 * n] = static_cast<std::int8_t>((fraction * 3 >> 8) - 1);
      fraction = static_cast<std::uint8_t>(fraction * 3);
    }
  }
}

// `count` trits, `step` apart, as a fraction. Rounded up, so that multiplying by 3 finds each.
std::uint8_t fraction_of(const std::int8_t* trits, std::size_t step, std::size_t count) {
  unsigned value = 0;
  for (std::size_t n = 0; n < 5; ++n) {
    value = value * 3 + (n < count ? static_cast<unsigned>(trits[n * step] + 1) : 0U);
  }
  return static_cast<std::uint8_t>((value * 256 + 242) / 243);
}

void write_tq1_block(const std::int8_t* trits, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < 32; ++j) bytes[j] = fraction_of(trits + j, 32, 5);
  for (std::size_t j = 0; j < 16; ++j) bytes[32 + j] = fraction_of(trits + 160 + j, 16, 5);
  for (std::size_t j = 0; j < 4; ++j) bytes[kTq1Fives + j] = fraction_of(trits + 240 + j, 4, 4);
}

void write_i2s_block(const std::int8_t* trits, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < 32; ++j) {
    bytes[j] = static_cast<std::uint8_t>((trits[j] + 1) << 6 | (trits[j + 32] + 1) << 4 |
                                         (trits[j + 64] + 1) << 2 | (trits[j + 96] + 1));
  }
}
void write_tq2_half(const std::int8_t* trits, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < 32; ++j) {
    bytes[j] = static_cast<std::uint8_t>((trits[j] + 1) | (trits[j + 32] + 1) << 2 |
                                         (trits[j + 64] + 1) << 4 | (trits[j + 96] + 1) << 6);
  }
}

std::uint16_t scale_of(const std::uint8_t* block, std::size_t bytes) {
  std::uint16_t half = 0;
  std::memcpy(&half, block + bytes - 2, 2);
  return half;
}
bool is_zero(std::uint16_t half) { return (half & 0x7fffU) == 0; }

// Whether any 2-bit code is 3; `size` is a multiple of 32.
bool has_code_three(const std::uint8_t* p, std::size_t size) {
  std::uint64_t both[4] = {};
  for (std::size_t i = 0; i < size; i += sizeof both) {
    std::uint64_t words[4];
    std::memcpy(words, p + i, sizeof words);
    for (std::size_t j = 0; j < 4; ++j) both[j] |= words[j] & words[j] >> 1;
  }
  return ((both[0] | both[1] | both[2] | both[3]) & 0x5555555555555555U) != 0;
}

bool is_all_zeros(TernaryFormat format, const std::uint8_t* block) {
  std::int8_t trits[kTqBlock];
  read_ternary_row(format, block, kTqBlock, trits);
  return std::all_of(std::begin(trits), std::end(trits), [](std::int8_t w) { return w == 0; });
}

}  // namespace

const char* ternary_format_name(TernaryFormat format) {
  switch (format) {
    case TernaryFormat::kI2S:
      return "i2_s";
    case TernaryFormat::kTq1:
      return "tq1_0";
    case TernaryFormat::kTq2:
      return "tq2_0";
  }
  return "?";
}

std::size_t ternary_block(TernaryFormat format) {
  return format == TernaryFormat::kI2S ? kI2sBlock : kTqBlock;
}

std::size_t ternary_row_bytes(TernaryFormat format, std::size_t cols) {
  return cols / ternary_block(format) * block_bytes(format);
}

void read_ternary_row(TernaryFormat format, const std::uint8_t* bytes, std::size_t cols,
                      std::int8_t* trits) {
  const std::size_t blocks = cols / ternary_block(format);
  switch (format) {
    case TernaryFormat::kI2S:
      for (std::size_t b = 0; b < blocks; ++b) {
        read_i2s_block(bytes + b * kI2sBytes, trits + b * kI2sBlock);
      }
      return;
    case TernaryFormat::kTq1:
      for (std::size_t b = 0; b < blocks; ++b) {
        read_tq1_block(bytes + b * kTq1Bytes, trits + b * kTqBlock);
      }
      return;
    case TernaryFormat::kTq2:
      for (std::size_t b = 0; b < blocks; ++b) {
        read_tq2_half(bytes + b * kTq2Bytes, trits + b * kTqBlock);
        read_tq2_half(bytes + b * kTq2Bytes + 32, trits + b * kTqBlock + 128);
      }
      return;
  }
}

void write_ternary_row(TernaryFormat format, const std::int8_t* trits, std::size_t cols,
                       std::uint16_t scale, std::uint8_t* bytes) {
  const std::size_t block = ternary_block(format);
  for (std::size_t k = 0; k < cols; k += block, bytes += block_bytes(format)) {
    switch (format) {
      case TernaryFormat::kI2S:
        write_i2s_block(trits + k, bytes);
        continue;
      case TernaryFormat::kTq1:
        write_tq1_block(trits + k, bytes);
        break;
      case TernaryFormat::kTq2:
        write_tq2_half(trits + k, bytes);
        write_tq2_half(trits + k + 128, bytes + 32);
        break;
    }
    std::memcpy(bytes + block_bytes(format) - 2, &scale, 2);
  }
}

TernaryFault check_ternary(TernaryFormat format, const std::uint8_t* bytes, std::size_t size,
                           std::uint16_t scale) {
  if (format == TernaryFormat::kI2S) {
    return has_code_three(bytes, size) ? TernaryFault::kCodeThree : TernaryFault::kNone;
  }
  const std::size_t step = block_bytes(format);
  for (const std::uint8_t* block = bytes; block < bytes + size; block += step) {
    if (format == TernaryFormat::kTq2 && has_code_three(block, kTq2Bytes - 2)) {
      return TernaryFault::kCodeThree;
    }
    const std::uint16_t half = scale_of(block, step);
    if (half != scale && !(is_zero(half) && is_all_zeros(format, block))) {
      return TernaryFault::kBlockScale;
    }
  }
  return TernaryFault::kNone;
}

std::optional<std::uint16_t> first_block_scale(TernaryFormat format, const std::uint8_t* bytes,
                                               std::size_t size) {
  const std::size_t step = block_bytes(format);
  for (const std::uint8_t* block = bytes; block < bytes + size; block += step) {
    const std::uint16_t half = scale_of(block, step);
    if (!is_zero(half)) return half;
  }
  return std::nullopt;
}

}  // namespace ryz
