#include "model/weights.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "kernels/catalogue.h"
#include "model/errors.h"
#include "model/float16.h"
#include "model/gguf_writer.h"
#include "model/product_groups.h"

namespace ryz {
namespace {

Weights tiny(unsigned threads = 1, std::uint64_t seed = 1) {
  Team team({threads, {}});
  return make_weights(find_preset("tiny").value(), seed, team);
}

bool same_bytes(const void* a, const void* b, std::size_t n) { return std::memcmp(a, b, n) == 0; }

void expect_equal(const Weights& a, const Weights& b) {
  ASSERT_EQ(a.layers.size(), b.layers.size());
  ASSERT_EQ(a.head_bytes(), b.head_bytes());
  EXPECT_EQ(a.embedding.format, b.embedding.format);
  EXPECT_TRUE(same_bytes(a.embedding.data, b.embedding.data, a.head_bytes()));
  EXPECT_TRUE(same_bytes(a.head.data, b.head.data, a.head_bytes()));
  EXPECT_EQ(a.output_norm, b.output_norm);
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    EXPECT_EQ(a.layers[l].attn_norm, b.layers[l].attn_norm);
    EXPECT_EQ(a.layers[l].attn_sub_norm, b.layers[l].attn_sub_norm);
    EXPECT_EQ(a.layers[l].ffn_norm, b.layers[l].ffn_norm);
    EXPECT_EQ(a.layers[l].ffn_sub_norm, b.layers[l].ffn_sub_norm);
    for (std::size_t s = 0; s < kSites; ++s) {
      const TernaryTensor& x = a.layers[l].site[s];
      const TernaryTensor& y = b.layers[l].site[s];
      ASSERT_EQ(x.rows, y.rows);
      ASSERT_EQ(x.cols, y.cols);
      EXPECT_EQ(x.scale, y.scale);
      EXPECT_TRUE(same_bytes(x.data, y.data, x.rows * x.cols / 4)) << l << " " << s;
    }
  }
}

TEST(MakeWeights, AreTheSameForAnyNumberOfThreads) {
  const Weights one = tiny(1);
  expect_equal(one, tiny(2));
  expect_equal(one, tiny(3));
  EXPECT_EQ(one.hash, tiny(3).hash);
}

TEST(MakeWeights, SeedsAndShapesDiffer) {
  const Weights a = tiny(1, 1);
  const Weights b = tiny(1, 2);
  EXPECT_NE(a.hash, b.hash);
  EXPECT_FALSE(same_bytes(a.layers[0].site[0].data, b.layers[0].site[0].data, 256));
  EXPECT_FALSE(same_bytes(a.embedding.data, b.embedding.data, 192));
  EXPECT_FALSE(same_bytes(a.layers[0].site[0].data, a.layers[1].site[0].data, 256));
  EXPECT_FALSE(same_bytes(a.layers[0].site[0].data, a.layers[0].site[0].data + 64, 64));
}

TEST(MakeWeights, TritsAreUniform) {
  const Weights weights = tiny();
  const TernaryTensor& tensor = weights.layers[0].site[static_cast<std::size_t>(Site::kGate)];
  std::array<double, 3> counts{};
  std::vector<std::int8_t> row(tensor.cols);
  for (std::size_t r = 0; r < tensor.rows; ++r) {
    tensor.read_row(r, row.data());
    for (const std::int8_t w : row) {
      ASSERT_GE(w, -1);
      ASSERT_LE(w, 1);
      ++counts[static_cast<std::size_t>(w + 1)];
    }
  }
  const double third = static_cast<double>(tensor.rows * tensor.cols) / 3;
  for (const double count : counts) EXPECT_NEAR(count / third, 1.0, 0.02);
}

TEST(TernaryTensor, ReadsRowsAsTheFormatSays) {
  // Two rows of 256: byte j of a 32-byte block has weights j, j+32, j+64, j+96 from the top bits.
  std::vector<std::uint8_t> bytes(128);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto code = [i](std::size_t k) { return static_cast<std::uint8_t>((i * 5 + k * k) % 3); };
    bytes[i] = static_cast<std::uint8_t>(code(0) << 6 | code(1) << 4 | code(2) << 2 | code(3));
  }
  const TernaryTensor tensor{bytes.data(), 2, 256, 1.0F};
  std::vector<std::int8_t> row(256);
  for (std::size_t r = 0; r < 2; ++r) {
    tensor.read_row(r, row.data());
    for (std::size_t k = 0; k < 256; ++k) {
      const std::uint8_t byte = bytes[r * 64 + k / 128 * 32 + k % 32];
      const unsigned shift = 6 - 2 * static_cast<unsigned>(k % 128 / 32);
      ASSERT_EQ(row[k], (byte >> shift & 3) - 1) << r << " " << k;
    }
  }
}

// The format as ggml documents it, one weight at a time.
double q6k_weight(const std::uint8_t* block, std::size_t k) {
  const std::size_t half = k / 128;
  const std::size_t j = k % 128 / 32;
  const std::size_t l = k % 32;
  const std::uint8_t low = block[64 * half + l + (j % 2) * 32];
  const unsigned four = j < 2 ? low & 15u : low >> 4u;
  const unsigned two = block[128 + 32 * half + l] >> (2 * j) & 3u;
  const int q = static_cast<int>(four | two << 4) - 32;
  const int scale = static_cast<std::int8_t>(block[192 + 8 * half + l / 16 + 2 * j]);
  std::uint16_t d = 0;
  std::memcpy(&d, block + 208, 2);
  return static_cast<double>(half_to_float(d)) * scale * q;
}

TEST(RowTensor, ReadsQ6K) {
  std::vector<std::uint8_t> bytes(2 * 420);
  std::uint32_t state = 1;
  for (std::uint8_t& b : bytes)
    b = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  for (std::size_t b = 0; b < 4; ++b) bytes[b * 210 + 209] &= 0x3f;  // a finite positive d
  const RowTensor tensor{bytes.data(), 2, 512, RowFormat::kQ6K};
  EXPECT_EQ(tensor.row_bytes(), 420u);
  std::vector<float> row(512);
  for (std::size_t r = 0; r < 2; ++r) {
    tensor.read_row(r, row.data());
    for (std::size_t k = 0; k < 512; ++k) {
      const double expected = q6k_weight(bytes.data() + r * 420 + k / 256 * 210, k % 256);
      ASSERT_NEAR(row[k], expected, 1e-6 * std::abs(expected)) << r << " " << k;
    }
  }
}

TEST(RowTensor, ReadsF16AndF32) {
  const std::uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x7bff};
  const RowTensor f16{reinterpret_cast<const std::uint8_t*>(halves), 2, 2, RowFormat::kF16};
  float row[2];
  f16.read_row(0, row);
  EXPECT_EQ(row[0], 1.0F);
  EXPECT_EQ(row[1], -2.0F);
  f16.read_row(1, row);
  EXPECT_EQ(row[0], 0x1p-24F);
  EXPECT_EQ(row[1], 65504.0F);
  const float floats[] = {1, 2, 3, 4};
  const RowTensor f32{reinterpret_cast<const std::uint8_t*>(floats), 2, 2, RowFormat::kF32};
  f32.read_row(1, row);
  EXPECT_EQ(row[1], 4.0F);
}

TEST(Half, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_GT(h & 0x7fffu, 0x7c00u);
    } else {
      ASSERT_EQ(float_to_half(value), half) << h;
    }
  }
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F), 0x3c00);  // a tie goes to even
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F + 0x1p-20F), 0x3c01);
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-25F), 0x0000);
  EXPECT_EQ(float_to_half(0x1.8p-25F), 0x0001);
}

class File {
 public:
  explicit File(const std::string& content)
      : path_((std::filesystem::temp_directory_path() /
               ("ryz_weights_test_" + std::to_string(getpid()) + ".gguf"))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string as_file(const Weights& weights) {
  std::ostringstream out;
  write_model(weights, out);
  return out.str();
}

std::string refusal(const std::string& content) {
  const File file(content);
  Team team({2, {}});
  try {
    load_weights(file.path(), team);
  } catch (const InputError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(file.path())) << error.what();
    return error.what();
  }
  return "";
}

TEST(LoadWeights, AFileEqualsThePresetItWasWrittenFrom) {
  const Weights made = tiny();
  const File file(as_file(made));
  for (const unsigned threads : {1u, 2u, 3u}) {
    Team team({threads, {}});
    const Weights loaded = open_model(file.path(), 99, team);
    expect_equal(made, loaded);
    EXPECT_EQ(loaded.config.arch, "bitnet-b1.58");
    EXPECT_EQ(loaded.config.rope_base, made.config.rope_base);
    EXPECT_EQ(loaded.config.rms_eps, made.config.rms_eps);
    EXPECT_EQ(loaded.config.activation, FfnActivation::kSquaredRelu);
    EXPECT_EQ(loaded.embedding.data, loaded.head.data);
    EXPECT_NE(loaded.hash, 0u);
  }
}

TEST(LoadWeights, KnowsTheArchitectures) {
  Weights weights = tiny();
  Team team({1, {}});
  weights.config.arch = "bitnet";
  {
    const File file(as_file(weights));
    EXPECT_EQ(load_weights(file.path(), team).config.activation, FfnActivation::kSilu);
  }
  weights.config.arch = "bitnet-25";
  {
    const File file(as_file(weights));
    EXPECT_EQ(load_weights(file.path(), team).config.activation, FfnActivation::kSquaredRelu);
  }
  weights.config.arch = "llama";
  EXPECT_NE(refusal(as_file(weights)).find("general.architecture is 'llama'"), std::string::npos);
}

TEST(LoadWeights, ReadsASeparateHead) {
  Weights weights = tiny();
  std::vector<float> head(weights.config.vocab * weights.config.embd, 0.25F);
  weights.head = {reinterpret_cast<const std::uint8_t*>(head.data()), weights.config.vocab,
                  weights.config.embd, RowFormat::kF32};
  const File file(as_file(weights));
  Team team({1, {}});
  const Weights loaded = load_weights(file.path(), team);
  EXPECT_EQ(loaded.head.format, RowFormat::kF32);
  EXPECT_EQ(loaded.embedding.format, RowFormat::kQ6K);
  float row[256];
  loaded.head.read_row(511, row);
  EXPECT_EQ(row[255], 0.25F);
}

TEST(LoadWeights, WhatDoesNotFitIsNamed) {
  const Weights good = tiny();
  const auto expect = [&](const std::function<void(Weights&)>& change, const std::string& why) {
    Weights weights = good;
    change(weights);
    const std::string message = refusal(as_file(weights));
    EXPECT_NE(message.find(why), std::string::npos) << "'" << message << "' lacks '" << why << "'";
  };
  expect([](Weights& w) { w.layers.pop_back(); }, "'blk.1.attn_norm.weight' is missing");
  expect([](Weights& w) { w.config.layers = 0; }, "block_count is 0");
  expect([](Weights& w) { w.config.kv_heads = 3; }, "attention.head_count_kv");
  expect([](Weights& w) { w.config.kv_heads = 4; }, "'blk.0.attn_k.weight' is 256 x 128");
  expect([](Weights& w) { w.config.embd = 512; }, "'token_embd.weight' is 256 x 512");
  expect([](Weights& w) { w.config.vocab = 511; }, "'token_embd.weight'");
  expect([](Weights& w) { w.output_norm.push_back(1.0F); }, "'output_norm.weight' is 257 x 1");
  expect([](Weights& w) { w.output_norm[3] = NAN; }, "'output_norm.weight' holds a number");
  expect([](Weights& w) { w.layers[1].site[4].scale = 0.0F; }, "'blk.1.ffn_gate.weight' has the");
  expect([](Weights& w) { w.layers[1].site[4].scale = INFINITY; }, "'blk.1.ffn_gate.weight' has");
  expect([](Weights& w) { w.config.rms_eps = NAN; }, "rms_epsilon");
}

TEST(LoadWeights, TheCodeThreeIsFoundWhereverItIs) {
  const Weights good = tiny();
  for (const std::size_t site : {std::size_t{0}, std::size_t{6}}) {
    const TernaryTensor tensor = good.layers[1].site[site];
    const std::size_t bytes = tensor.rows * tensor.cols / 4;
    for (const std::size_t at : {std::size_t{0}, bytes / 2 + 5, bytes - 1}) {
      std::vector<std::uint8_t> codes(tensor.data, tensor.data + bytes);
      codes[at] |= 0x30;
      Weights weights = good;
      weights.layers[1].site[site].data = codes.data();
      const std::string message = refusal(as_file(weights));
      EXPECT_NE(message.find(std::string("'blk.1.") + site_name(static_cast<Site>(site)) +
                             ".weight' holds the code 3"),
                std::string::npos)
          << message;
    }
  }
}

TEST(LoadWeights, EveryTruncationIsRefused) {
  const std::string content = as_file(tiny());
  // All of the table of contents in steps of 64 bytes, then steps through the data.
  for (std::size_t n = 0; n < content.size(); n += n < 8192 ? 64 : 20011) {
    EXPECT_NE(refusal(content.substr(0, n)), "") << n;
  }
}

// A byte of the table of contents is wrong: the file loads as some model or is refused.
TEST(LoadWeights, NoDamagedByteDoesHarm) {
  Config config = find_preset("tiny").value();
  config.ffn = 128;
  config.layers = 1;
  config.vocab = 16;
  Team team({1, {}});
  const std::string content = as_file(make_weights(config, 1, team));
  const std::size_t contents_end = content.find(std::string(32, '\0'), 1000);
  for (std::size_t i = 0; i < std::min<std::size_t>(contents_end, 4096); i += 3) {
    for (const char value : {'\x01', '\xff'}) {
      std::string damaged = content;
      damaged[i] = value;
      refusal(damaged);
    }
  }
}

TEST(OpenModel, NamesBothPossibilities) {
  Team team({1, {}});
  try {
    open_model("no-such-thing", 1, team);
    FAIL();
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("no such file"), std::string::npos) << message;
    EXPECT_NE(message.find("bitnet-2b4t"), std::string::npos) << message;
  }
  EXPECT_EQ(open_model("tiny", 1, team).source, "tiny");
}

TEST(PackModel, UnpacksToTheSourceOnAnyTeam) {
  const Weights weights = tiny();
  for (const Encoding* encoding : built_in_catalogue().encodings) {
    for (const unsigned threads : {1u, 3u}) {
      Team team({threads, {}});
      const PackedModel packed = pack_model(weights, *encoding, team);
      ASSERT_EQ(packed.matrices.size(), weights.layers.size() * std::size(kSiteGroups));
      EXPECT_GT(packed.bytes(), 0u);
      for (std::size_t s = 0; s < kSites; ++s) {
        const TernaryTensor& tensor = weights.layers[1].site[s];
        const PackedTiles tiles = packed.at(1, static_cast<Site>(s));
        const PackedView view = tiles.matrix->view();
        std::vector<std::int8_t> expected(tensor.cols);
        std::vector<std::int8_t> unpacked(encoding->row_tile * tensor.cols);
        for (std::size_t r = 0; r < tensor.rows; ++r) {
          const std::size_t tile = tiles.first_tile + r / encoding->row_tile;
          ASSERT_LT(tile, tiles.matrix->tiles());
          if (r % encoding->row_tile == 0) {
            unpack_tile(*encoding, view, tile, unpacked.data(), tensor.cols);
          }
          tensor.read_row(r, expected.data());
          ASSERT_TRUE(same_bytes(unpacked.data() + r % encoding->row_tile * tensor.cols,
                                 expected.data(), tensor.cols))
              << encoding->name << " site " << s << " row " << r;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ryz
