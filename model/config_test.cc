#include "model/config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/errors.h"

namespace ryz {
namespace {

TEST(Config, PresetsAreValidAndFitQ6K) {
  for (const std::string& name : preset_names()) {
    const std::optional<Config> config = find_preset(name);
    ASSERT_TRUE(config) << name;
    EXPECT_EQ(config->name, name);
    EXPECT_NO_THROW(validate(*config, name));
    EXPECT_EQ(config->embd % 256, 0u) << name;
    EXPECT_EQ(config->ffn % 128, 0u) << name;
  }
  EXPECT_FALSE(find_preset("nothing"));
}

TEST(Config, TheModelOfTheReportHas2Point08BillionTernaryWeights) {
  const Config config = find_preset("2b4t").value();
  EXPECT_EQ(config.name, "bitnet-2b4t");
  EXPECT_EQ(config.head_dim(), 128u);
  EXPECT_EQ(config.ternary_weights(), 2084044800u);
}

TEST(Config, UnusableShapesAreRefusedByField) {
  const auto refusal = [](auto change) -> std::string {
    Config config = find_preset("tiny").value();
    change(config);
    try {
      validate(config, "here");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  const auto expect = [&](auto change, const char* field) {
    const std::string message = refusal(change);
    EXPECT_TRUE(message.starts_with("here: ")) << message;
    EXPECT_NE(message.find(field), std::string::npos) << message;
  };
  EXPECT_EQ(refusal([](Config&) {}), "");
  expect([](Config& c) { c.embd = 0; }, "embedding_length is 0");
  expect([](Config& c) { c.layers = 0; }, "block_count is 0");
  expect([](Config& c) { c.vocab = 0; }, "vocab_size is 0");
  expect([](Config& c) { c.context = 0; }, "context_length is 0");
  expect([](Config& c) { c.heads = 3; }, "attention.head_count");
  expect([](Config& c) { c.kv_heads = 3; }, "attention.head_count_kv");
  expect([](Config& c) { c.heads = 256, c.kv_heads = 256; }, "width of a head");
  expect([](Config& c) { c.embd = 320; }, "multiple of 128");
  expect([](Config& c) { c.ffn = 500; }, "feed_forward_length");
  expect([](Config& c) { c.ffn = std::size_t{1} << 60; }, "feed_forward_length");
  expect([](Config& c) { c.layers = ~std::size_t{0}; }, "block_count");
  expect([](Config& c) { c.ffn = (1 << 24) - 128, c.embd = (1 << 23), c.layers = 60000; },
         "more weights");
  expect([](Config& c) { c.rope_base = NAN; }, "rope.freq_base");
  expect([](Config& c) { c.rms_eps = -1.0F; }, "rms_epsilon");
}

}  // namespace
}  // namespace ryz
