#include "model/head.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels/cpu.h"
#include "model/float16.h"
#include "model/q6k.h"
#include "model/q6k_tiles.h"
#include "model/random.h"

// LLVM's OpenMP loses some bytes of its own where a team grows past its first table of threads.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that LeakSanitizer calls
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }

namespace ryz {
namespace {

struct Named {
  const char* name;
  const HeadTable* table;
};
constexpr Named kTables[] = {
    {"scalar", &head_scalar}, {"avx2", &head_avx2}, {"avx512", &head_avx512}};

// A head of random bytes: every quant, negative scales, d of either sign.
struct Head {
  Head(std::size_t rows, std::size_t cols, RowFormat format) : tensor{nullptr, rows, cols, format} {
    Random random(11, cols);
    bytes.resize(rows * tensor.row_bytes());
    if (format == RowFormat::kQ6K) {
      for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next());
      for (std::size_t b = 0; b < bytes.size(); b += 210) {
        const std::uint16_t d = float_to_half(static_cast<float>(2e-4 * random.normal()));
        std::memcpy(bytes.data() + b + 208, &d, 2);
      }
    } else {
      for (std::size_t i = 0; i < rows * cols; ++i) {
        const auto value = static_cast<float>(0.02 * random.normal());
        const std::uint16_t half = float_to_half(value);
        const auto upper = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
        if (format == RowFormat::kF16) std::memcpy(bytes.data() + 2 * i, &half, 2);
        if (format == RowFormat::kBF16) std::memcpy(bytes.data() + 2 * i, &upper, 2);
        if (format == RowFormat::kF32) std::memcpy(bytes.data() + 4 * i, &value, 4);
        if (format == RowFormat::kQ80) {
          std::uint8_t* const block = bytes.data() + i / 32 * 34;
          if (i % 32 == 0) std::memcpy(block, &half, 2);
          block[2 + i % 32] = static_cast<std::uint8_t>(random.next());
        }
      }
    }
    place();
  }
  // What `tensor` reads, once bytes are filled: tiles of them where they are Q6_K.
  void place() {
    tensor.data = bytes.data();
    if (tensor.format != RowFormat::kQ6K) return;
    tensor.layout = RowLayout::kTiles;
    if (tiles.size() == 0) tiles = Buffer(tensor.bytes());
    q6k_pack_rows(bytes.data(), tensor.rows, tensor.cols / 256, tiles.as<std::uint8_t>());
    tensor.data = tiles.as<std::uint8_t>();
  }
  std::vector<std::uint8_t> bytes;  // rows as a file has them
  Buffer tiles;
  RowTensor tensor;
};

std::vector<float> hidden_states(std::size_t tokens, std::size_t cols) {
  Random random(12, cols);
  std::vector<float> x(tokens * cols);
  for (float& v : x) v = static_cast<float>(random.normal());
  return x;
}

std::vector<float> logits_of(const Head& head, const std::vector<float>& hidden, unsigned threads,
                             RegionPolicy policy = RegionPolicy::kToken) {
  const std::size_t tokens = hidden.size() / head.tensor.cols;
  HeadInput input;
  input.reserve(head.tensor, tokens);
  for (std::size_t t = 0; t < tokens; ++t) input.set(t, hidden.data() + t * head.tensor.cols);
  std::vector<float> logits(tokens * head.tensor.rows, -1.0F);
  Team team({threads, {}});
  team.execute(policy,
               [&](Flow& flow) { multiply_head(flow, head.tensor, input, tokens, logits.data()); });
  return logits;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

constexpr RowFormat kRealFormats[] = {RowFormat::kF32, RowFormat::kF16, RowFormat::kBF16,
                                      RowFormat::kQ80};
constexpr RowFormat kFormats[] = {RowFormat::kF32, RowFormat::kF16, RowFormat::kBF16,
                                  RowFormat::kQ80, RowFormat::kQ6K};

class HeadIsa : public testing::TestWithParam<Named> {};

TEST_P(HeadIsa, GivesTheBitsOfTheScalarCode) {
  const HeadTable& table = *GetParam().table;
  if (!contains(usable_isa(), table.needs)) {
    GTEST_SKIP() << "needs " << isa_text(minus(table.needs, usable_isa()));
  }
  for (const std::size_t cols : {256u, 512u, 768u, 1024u, 1280u, 2560u}) {
    for (const std::size_t rows : {1u, 2u, 3u, 4u, 5u, 16u}) {
      const std::vector<float> hidden = hidden_states(1, cols);
      std::vector<float> expected(rows);
      std::vector<float> got(rows);
      const Head q6k(rows, cols, RowFormat::kQ6K);
      HeadInput input;
      input.reserve(q6k.tensor, 1);
      input.set(0, hidden.data());
      const Q6kInput token = input.q6k(0);
      std::vector<float> tile(kQ6kTileRows);
      std::vector<float> got_tile(kQ6kTileRows);
      head_scalar.q6k_tile(q6k.tensor.data, &token, tile.data());
      table.q6k_tile(q6k.tensor.data, &token, got_tile.data());
      EXPECT_TRUE(same(tile, got_tile)) << "q6_k " << rows << " x " << cols;
      for (const RowFormat format : kRealFormats) {
        const Head head(rows, cols, format);
        real_rows_of(head_scalar, format)(head.bytes.data(), rows, cols, hidden.data(),
                                          expected.data());
        real_rows_of(table, format)(head.bytes.data(), rows, cols, hidden.data(), got.data());
        EXPECT_TRUE(same(expected, got)) << row_format_name(format) << " " << rows << " x " << cols;
      }
    }
  }
}

// The largest sums there are: all quants and scales at one end, all activations too.
TEST_P(HeadIsa, HasRoomForTheLargestSums) {
  const HeadTable& table = *GetParam().table;
  if (!contains(usable_isa(), table.needs)) {
    GTEST_SKIP() << "needs " << isa_text(minus(table.needs, usable_isa()));
  }
  for (const int quant : {0x00, 0xff}) {
    for (const int scale : {-128, 127}) {
      for (const float sign : {-1.0F, 1.0F}) {
        Head head(1, 256, RowFormat::kQ6K);
        std::memset(head.bytes.data(), quant, 192);
        std::memset(head.bytes.data() + 192, scale, 16);
        const std::uint16_t one = float_to_half(1.0F);
        std::memcpy(head.bytes.data() + 208, &one, 2);
        head.place();
        const std::vector<float> hidden(256, sign);
        HeadInput input;
        input.reserve(head.tensor, 1);
        input.set(0, hidden.data());
        const Q6kInput token = input.q6k(0);
        float got[kQ6kTileRows] = {};
        table.q6k_tile(head.tensor.data, &token, got);
        const double q = quant == 0 ? -32 : 31;
        EXPECT_FLOAT_EQ(got[0], static_cast<float>(256.0 * q * scale * sign));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, HeadIsa, testing::ValuesIn(kTables),
                         [](const auto& info) { return info.param.name; });

TEST(Head, TilesHoldTheRowsTheyWereMadeFrom) {
  for (const std::size_t cols : {256u, 512u, 768u, 2560u}) {
    for (const std::size_t rows : {1u, 15u, 16u, 17u, 50u}) {
      const Head head(rows, cols, RowFormat::kQ6K);
      const RowTensor as_file{head.bytes.data(), rows, cols, RowFormat::kQ6K};
      std::vector<std::uint8_t> row(as_file.row_bytes());
      std::vector<float> expected(cols);
      std::vector<float> got(cols);
      for (std::size_t r = 0; r < rows; ++r) {
        head.tensor.copy_row(r, row.data());
        EXPECT_EQ(std::memcmp(row.data(), as_file.data + r * row.size(), row.size()), 0) << r;
        as_file.read_row(r, expected.data());
        head.tensor.read_row(r, got.data());
        EXPECT_TRUE(same(expected, got)) << r;
      }
    }
  }
}

// Byte by byte what model/q6k_tiles.h says.
TEST(Head, TilesLieAsDescribed) {
  constexpr std::size_t kBlocks = 3;
  const Head head(18, kBlocks * 256, RowFormat::kQ6K);
  const std::uint8_t* const tiles = head.tensor.data;
  ASSERT_EQ(head.tensor.bytes(), 2 * (128 + kBlocks * 4 * (64 + 4 * 192)));
  for (std::size_t r = 0; r < 32; ++r) {
    const std::uint8_t* const tile = tiles + r / 16 * (128 + kBlocks * 3328);
    for (std::size_t b = 0; b < kBlocks; ++b) {
      const std::uint8_t* const block = head.bytes.data() + (r * kBlocks + b) * 210;
      std::uint8_t codes[256] = {};
      if (r < 18) q6k_codes(block, codes);
      for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(tile[32 * b + 2 * (r % 16) + i], r < 18 ? block[208 + i] : 0);
      }
      for (std::size_t k = 0; k < 256; ++k) {
        const std::uint8_t* const quarter = tile + 128 + (b * 4 + k / 64) * 832;
        ASSERT_EQ(quarter[k % 64 / 16 * 16 + r % 16], r < 18 ? block[192 + k / 16] : 0);
        const std::uint8_t* const step = quarter + 64 + k % 64 / 16 * 192 + 4 * (r % 16) + k % 4;
        const std::size_t v = k % 16 / 4;
        const int code =
            v < 3 ? step[64 * v] & 63 : step[0] >> 6 | step[64] >> 6 << 2 | step[128] >> 6 << 4;
        ASSERT_EQ(code, codes[k]) << r << " " << b << " " << k;
      }
    }
  }
}

TEST(Head, RowsOfQ6KAreNotMultipliedAsAFileHasThem) {
  Head head(16, 256, RowFormat::kQ6K);
  head.tensor.layout = RowLayout::kRows;
  HeadInput input;
  EXPECT_THROW(input.reserve(head.tensor, 1), std::invalid_argument);
}

TEST(Head, IsTheProductOfRowsAndHiddenState) {
  for (const RowFormat format : kFormats) {
    const Head head(70, 512, format);
    const std::vector<float> hidden = hidden_states(3, 512);
    const std::vector<float> logits = logits_of(head, hidden, 2);
    std::vector<float> row(512);
    double error = 0.0;
    double norm = 0.0;
    for (std::size_t t = 0; t < 3; ++t) {
      for (std::size_t r = 0; r < 70; ++r) {
        head.tensor.read_row(r, row.data());
        double expected = 0.0;
        for (std::size_t k = 0; k < 512; ++k) {
          expected += static_cast<double>(row[k]) * hidden[t * 512 + k];
        }
        error += std::pow(logits[t * 70 + r] - expected, 2);
        norm += std::pow(expected, 2);
      }
    }
    // Q6_K works on the hidden state in int8.
    EXPECT_LT(std::sqrt(error / norm), format == RowFormat::kQ6K ? 0.02 : 1e-6)
        << row_format_name(format);
  }
}

TEST(Head, LogitsDoNotDependOnThreadsRegionsOrBatch) {
  for (const RowFormat format : kFormats) {
    const Head head(203, 256, format);
    const std::vector<float> hidden = hidden_states(5, 256);
    const std::vector<float> one = logits_of(head, hidden, 1);
    for (const unsigned threads : {2u, 3u, 5u}) {
      EXPECT_TRUE(same(one, logits_of(head, hidden, threads)));
      EXPECT_TRUE(same(one, logits_of(head, hidden, threads, RegionPolicy::kProduct)));
    }
    for (std::size_t t = 0; t < 5; ++t) {
      const auto from = static_cast<std::ptrdiff_t>(t);
      const std::vector<float> alone(hidden.begin() + from * 256,
                                     hidden.begin() + from * 256 + 256);
      const std::vector<float> part(one.begin() + from * 203, one.begin() + from * 203 + 203);
      EXPECT_TRUE(same(part, logits_of(head, alone, 2)));
    }
  }
}

TEST(Head, AHiddenStateOfZerosGivesZeros) {
  for (const RowFormat format : kFormats) {
    const Head head(20, 256, format);
    for (const float logit : logits_of(head, std::vector<float>(256, 0.0F), 1)) {
      EXPECT_EQ(logit, 0.0F);
    }
  }
}

}  // namespace
}  // namespace ryz
