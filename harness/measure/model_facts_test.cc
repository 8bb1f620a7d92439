#include "harness/measure/model_facts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/measure/session.h"
#include "kernels/catalogue.h"

namespace ryz {
namespace {

TEST(ModelFacts, TritsAreCounted) {
  // Three rows of 256: all -1, all 0, all +1 but for one 0.
  std::vector<std::uint8_t> bytes(3 * 64);
  std::vector<std::int8_t> row(256);
  for (int r = 0; r < 3; ++r) {
    row.assign(256, static_cast<std::int8_t>(r - 1));
    if (r == 2) row[100] = 0;
    write_ternary_row(TernaryFormat::kI2S, row.data(), 256, 0, bytes.data() + 64 * r);
  }
  const TernaryTensor tensor{bytes.data(), 3, 256, 1.0F};
  for (const unsigned threads : {1U, 2U, 5U}) {
    Team team({threads, {}});
    const TritCounts counts = count_trits(tensor, team);
    EXPECT_EQ(counts.minus, 256U);
    EXPECT_EQ(counts.zero, 257U);
    EXPECT_EQ(counts.plus, 255U);
  }
}

TEST(ModelFacts, EntropyIsInBits) {
  EXPECT_DOUBLE_EQ((TritCounts{5, 5, 5}.entropy_bits()), std::log2(3.0));
  EXPECT_DOUBLE_EQ((TritCounts{1, 2, 1}.entropy_bits()), 1.5);
  EXPECT_DOUBLE_EQ((TritCounts{0, 7, 0}.entropy_bits()), 0.0);
  EXPECT_DOUBLE_EQ((TritCounts{1, 2, 1}.zero_share()), 0.5);
}

TEST(ModelFacts, LimitsAreBandwidthOverWhatATokenReads) {
  Team team({2, {}});
  const Weights weights = make_weights(find_preset("tiny").value(), 1, team);
  report::ModelFacts facts = model_facts(weights, built_in_catalogue(), team);
  ASSERT_EQ(facts.encodings.size(), built_in_catalogue().encodings.size());
  EXPECT_EQ(facts.ternary_weights, weights.config.ternary_weights());
  std::uint64_t norms = 0;
  for (const report::TensorFacts& t : facts.tensors) {
    if (t.name.find("norm") != std::string::npos) norms += t.bytes;
  }
  for (std::size_t i = 0; i < facts.encodings.size(); ++i) {
    const PackedModel packed = pack_model(weights, *built_in_catalogue().encodings[i], team);
    const report::EncodingFacts& e = facts.encodings[i];
    EXPECT_EQ(e.packed_bytes, packed.bytes()) << e.encoding;
    EXPECT_EQ(e.bytes_per_token, packed.bytes() + weights.head_bytes() + norms);
    EXPECT_FALSE(e.limit_tok_per_s);
  }
  report::ModelFacts cached = facts;
  add_limits(cached, 10.0, std::uint64_t{1} << 40);
  EXPECT_FALSE(cached.encodings.front().limit_tok_per_s);
  EXPECT_NE(cached.encodings.front().limit_reason.find("cache"), std::string::npos);
  add_limits(facts, 10.0, 1);
  for (const report::EncodingFacts& e : facts.encodings) {
    EXPECT_DOUBLE_EQ(e.limit_tok_per_s.value_or(0) * static_cast<double>(e.bytes_per_token), 1e10);
  }
}

TEST(ModelFacts, ATokenReadsWeightsAndWhatIsCached) {
  Team team({1, {}});
  Session session(make_weights(find_preset("tiny").value(), 1, team), {});
  const Config& c = session.weights().config;
  std::uint64_t norms = session.weights().output_norm.size();
  for (const Layer& layer : session.weights().layers) {
    norms += layer.attn_norm.size() + layer.attn_sub_norm.size() + layer.ffn_norm.size() +
             layer.ffn_sub_norm.size();
  }
  const std::uint64_t pass = 1000 + session.weights().head_bytes() + norms * sizeof(float);
  const std::uint64_t position = 2 * c.layers * c.kv_heads * c.head_dim() * sizeof(float);
  EXPECT_EQ(session.bytes_per_token(Phase::kDecode, 1000, 1), pass + position);
  // Three tokens read one, two and three positions.
  EXPECT_EQ(session.bytes_per_token(Phase::kDecode, 1000, 3), pass + 2 * position);
  EXPECT_EQ(session.bytes_per_token(Phase::kPrefill, 1000, 1), pass);
  EXPECT_EQ(session.bytes_per_token(Phase::kPrefill, 1000, 4), pass / 4);
}

}  // namespace
}  // namespace ryz
