#include "model/ternary_rows.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "model/float16.h"
#include "model/random.h"

namespace ryz {
namespace {

constexpr TernaryFormat kFormats[] = {TernaryFormat::kI2S, TernaryFormat::kTq1,
                                      TernaryFormat::kTq2};
constexpr std::uint16_t kScale = 0x3800;  // 0.5

std::vector<std::int8_t> random_trits(std::size_t n, std::uint64_t seed) {
  Random random(seed, 1);
  std::vector<std::int8_t> trits(n);
  for (std::int8_t& w : trits)
    w = static_cast<std::int8_t>(static_cast<int>(random.next() % 3) - 1);
  return trits;
}

std::vector<std::uint8_t> packed(TernaryFormat format, const std::vector<std::int8_t>& trits) {
  std::vector<std::uint8_t> bytes(ternary_row_bytes(format, trits.size()));
  write_ternary_row(format, trits.data(), trits.size(), kScale, bytes.data());
  return bytes;
}

TEST(TernaryRows, WhatIsWrittenIsRead) {
  for (const TernaryFormat format : kFormats) {
    for (const std::size_t cols : {256u, 512u, 1536u, 6912u}) {
      const std::vector<std::int8_t> trits = random_trits(cols, cols);
      const std::vector<std::uint8_t> bytes = packed(format, trits);
      std::vector<std::int8_t> read(cols, 7);
      read_ternary_row(format, bytes.data(), cols, read.data());
      EXPECT_EQ(read, trits) << ternary_format_name(format) << " " << cols;
      EXPECT_EQ(check_ternary(format, bytes.data(), bytes.size(), kScale), TernaryFault::kNone);
    }
  }
}

// Weight by weight as llama.cpp's documentation of the formats has it.
TEST(TernaryRows, Tq2IsReadAsDocumented) {
  Random random(3, 3);
  std::vector<std::uint8_t> bytes(2 * 66);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next());
  for (std::uint8_t& b : bytes) b &= static_cast<std::uint8_t>(~((b & b >> 1 & 0x55) << 1));
  std::vector<std::int8_t> trits(512);
  read_ternary_row(TernaryFormat::kTq2, bytes.data(), 512, trits.data());
  for (std::size_t k = 0; k < 512; ++k) {
    const std::size_t in = k % 256;
    const unsigned byte = bytes[k / 256 * 66 + in / 128 * 32 + in % 32];
    ASSERT_EQ(trits[k], static_cast<int>(byte >> (2 * (in % 128 / 32)) & 3U) - 1) << k;
  }
}

TEST(TernaryRows, Tq1IsReadAsDocumentedForEveryByte) {
  constexpr unsigned kPowers[] = {1, 3, 9, 27, 81};
  for (unsigned value = 0; value < 256; ++value) {
    std::vector<std::uint8_t> bytes(54, static_cast<std::uint8_t>(value));
    std::vector<std::int8_t> trits(256);
    read_ternary_row(TernaryFormat::kTq1, bytes.data(), 256, trits.data());
    for (std::size_t k = 0; k < 256; ++k) {
      const std::size_t n = k < 160 ? k / 32 : k < 240 ? (k - 160) / 16 : (k - 240) / 4;
      const unsigned fraction = value * kPowers[n] & 0xffU;
      ASSERT_EQ(trits[k], static_cast<int>(fraction * 3 >> 8) - 1) << value << " " << k;
    }
  }
  // Each byte has its own place: all else 0, one byte with +1 in its second trit.
  for (std::size_t j = 0; j < 52; ++j) {
    std::vector<std::int8_t> expected(256);
    const std::size_t second = j < 32 ? 32 + j : j < 48 ? 176 + (j - 32) : 244 + (j - 48);
    expected[second] = 1;
    std::vector<std::int8_t> trits(256);
    read_ternary_row(TernaryFormat::kTq1, packed(TernaryFormat::kTq1, expected).data(), 256,
                     trits.data());
    ASSERT_EQ(trits, expected) << j;
  }
}

TEST(TernaryRows, TheCodeThreeIsFoundInEveryPlace) {
  for (const TernaryFormat format : {TernaryFormat::kI2S, TernaryFormat::kTq2}) {
    const std::vector<std::uint8_t> good = packed(format, random_trits(512, 5));
    for (std::size_t at = 0; at < good.size(); ++at) {
      const bool scale = format == TernaryFormat::kTq2 && at % 66 >= 64;
      for (unsigned bits = 0; bits < 4 && !scale; ++bits) {
        std::vector<std::uint8_t> bad = good;
        bad[at] |= static_cast<std::uint8_t>(3U << (2 * bits));
        ASSERT_EQ(check_ternary(format, bad.data(), bad.size(), kScale), TernaryFault::kCodeThree)
            << at;
      }
    }
  }
}

TEST(TernaryRows, ABlockOfAnotherScaleIsFoundUnlessItIsZeros) {
  for (const TernaryFormat format : {TernaryFormat::kTq1, TernaryFormat::kTq2}) {
    std::vector<std::int8_t> trits = random_trits(768, 9);
    std::fill(trits.begin() + 256, trits.begin() + 512, 0);
    std::vector<std::uint8_t> bytes = packed(format, trits);
    const std::size_t block = bytes.size() / 3;
    const auto set_scale = [&](std::size_t b, std::uint16_t half) {
      std::memcpy(bytes.data() + (b + 1) * block - 2, &half, 2);
    };
    const auto check = [&] { return check_ternary(format, bytes.data(), bytes.size(), kScale); };
    EXPECT_EQ(check(), TernaryFault::kNone);
    set_scale(1, 0);  // as llama.cpp writes a block of zeros
    EXPECT_EQ(check(), TernaryFault::kNone);
    set_scale(1, 0x3801);
    EXPECT_EQ(check(), TernaryFault::kBlockScale);
    set_scale(1, kScale);
    for (const std::uint16_t half : {0x0000, 0x8000, 0x3801, 0xb800, 0x7e00}) {
      set_scale(2, half);
      EXPECT_EQ(check(), TernaryFault::kBlockScale) << half;
    }
    set_scale(0, 0x8000);
    set_scale(2, kScale);
    EXPECT_EQ(first_block_scale(format, bytes.data(), bytes.size()), kScale);
    EXPECT_EQ(first_block_scale(format, bytes.data(), block), std::nullopt);
  }
}

}  // namespace
}  // namespace ryz
