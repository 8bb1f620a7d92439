#include "model/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "kernels/catalogue.h"
#include "model/errors.h"

namespace ryz {
namespace {

using Doubles = std::vector<double>;

const std::vector<std::int32_t> kPrompt{3, 500, 17, 17, 0, 511, 99, 256, 31, 64, 1};

// The model as its papers describe it, in double, one token after the other, whole matrices; shares
// no code with what it checks but the weights' bytes.
class PlainModel {
 public:
  explicit PlainModel(const Weights& weights) : w_(weights), c_(weights.config) {
    keys_.resize(c_.layers);
    values_.resize(c_.layers);
  }

  Doubles next(std::int32_t token) {
    Doubles x = real_row(w_.embedding, static_cast<std::size_t>(token));
    for (std::size_t l = 0; l < c_.layers; ++l) {
      const Layer& layer = w_.layers[l];
      add(x, attention(l, norm(x, layer.attn_norm)));
      const Doubles h = norm(x, layer.ffn_norm);
      Doubles gate = ternary(layer, Site::kGate, h);
      const Doubles up = ternary(layer, Site::kUp, h);
      for (std::size_t i = 0; i < gate.size(); ++i) {
        const double g = gate[i];
        const double act = c_.activation == FfnActivation::kSilu ? g / (1 + std::exp(-g))
                                                                 : std::pow(std::max(g, 0.0), 2);
        gate[i] = act * up[i];
      }
      add(x, ternary(layer, Site::kDown, norm(gate, layer.ffn_sub_norm)));
    }
    ++position_;
    const Doubles h = norm(x, w_.output_norm);
    Doubles logits(c_.vocab);
    for (std::size_t r = 0; r < c_.vocab; ++r) {
      const Doubles row = real_row(w_.head, r);
      for (std::size_t k = 0; k < c_.embd; ++k) logits[r] += row[k] * h[k];
    }
    return logits;
  }

 private:
  static void add(Doubles& x, const Doubles& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }
  static Doubles real_row(const RowTensor& tensor, std::size_t r) {
    std::vector<float> row(tensor.cols);
    tensor.read_row(r, row.data());
    return {row.begin(), row.end()};
  }
  Doubles norm(const Doubles& x, const std::vector<float>& weight) const {
    double mean = 0;
    for (const double v : x) mean += v * v / static_cast<double>(x.size());
    Doubles y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[i] = x[i] / std::sqrt(mean + static_cast<double>(c_.rms_eps)) * weight[i];
    }
    return y;
  }
  static Doubles ternary(const Layer& layer, Site site, const Doubles& x) {
    const TernaryTensor& t = layer.site[static_cast<std::size_t>(site)];
    double max = 0;
    for (const double v : x) max = std::max(max, std::abs(v));
    Doubles y(t.rows);
    for (std::size_t r = 0; r < t.rows; ++r) {
      for (std::size_t k = 0; k < t.cols; ++k) {
        const std::uint8_t byte = t.data[(r * t.cols + k) / 128 * 32 + k % 32];
        const int trit = (byte >> (6 - 2 * (k % 128 / 32)) & 3) - 1;
        y[r] += trit * std::nearbyint(x[k] * 127 / max);
      }
      y[r] *= static_cast<double>(t.scale) * max / 127;
    }
    return y;
  }
  void rotate(Doubles& x, std::size_t heads) const {
    const std::size_t d = c_.head_dim();
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = 0; i < d / 2; ++i) {
        const double angle = static_cast<double>(position_) *
                             std::pow(static_cast<double>(c_.rope_base),
                                      -2.0 * static_cast<double>(i) / static_cast<double>(d));
        double& a = x[h * d + i];
        double& b = x[h * d + i + d / 2];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
  }
  Doubles attention(std::size_t l, const Doubles& h) {
    const Layer& layer = w_.layers[l];
    const std::size_t d = c_.head_dim();
    Doubles q = ternary(layer, Site::kQ, h);
    Doubles k = ternary(layer, Site::kK, h);
    rotate(q, c_.heads);
    rotate(k, c_.kv_heads);
    keys_[l].push_back(k);
    values_[l].push_back(ternary(layer, Site::kV, h));
    Doubles out(c_.embd);
    for (std::size_t head = 0; head < c_.heads; ++head) {
      const std::size_t kv = head / (c_.heads / c_.kv_heads) * d;
      double sum = 0;
      for (std::size_t p = 0; p <= position_; ++p) {
        double score = 0;
        for (std::size_t i = 0; i < d; ++i) score += q[head * d + i] * keys_[l][p][kv + i];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(d)));
        sum += weight;
        for (std::size_t i = 0; i < d; ++i) out[head * d + i] += weight * values_[l][p][kv + i];
      }
      for (std::size_t i = 0; i < d; ++i) out[head * d + i] /= sum;
    }
    return ternary(layer, Site::kOut, norm(out, layer.attn_sub_norm));
  }

  const Weights& w_;
  const Config& c_;
  std::size_t position_ = 0;
  std::vector<std::vector<Doubles>> keys_, values_;
};

Weights tiny() {
  Team team({1, {}});
  return make_weights(find_preset("tiny").value(), 1, team);
}

// The same model with embedding and head in f32, so that the head rounds nothing.
struct TinyF32 {
  TinyF32() : weights(tiny()) {
    const RowTensor from = weights.embedding;
    rows.resize(from.rows * from.cols);
    for (std::size_t r = 0; r < from.rows; ++r) from.read_row(r, rows.data() + r * from.cols);
    weights.embedding = {reinterpret_cast<const std::uint8_t*>(rows.data()), from.rows, from.cols,
                         RowFormat::kF32};
    weights.head = weights.embedding;
  }
  Weights weights;
  std::vector<float> rows;
};

// Logits of every token of the prompt, given in parts of these sizes.
std::vector<float> logits_in_parts(const Weights& weights, const Combination& combination,
                                   const PackedModel* packed, unsigned threads,
                                   const std::vector<std::size_t>& parts) {
  Team team({threads, {}});
  Transformer transformer(weights, 64);
  const std::size_t vocab = weights.config.vocab;
  std::vector<float> logits(kPrompt.size() * vocab);
  std::size_t at = 0;
  for (const std::size_t n : parts) {
    transformer.forward(std::span(kPrompt).subspan(at, n), combination, packed, team,
                        LogitsFor::kEveryToken, logits.data() + at * vocab);
    at += n;
    EXPECT_EQ(transformer.position(), at);
  }
  EXPECT_EQ(at, kPrompt.size());
  return logits;
}
const std::vector<std::size_t> kPrefill{kPrompt.size()};
const std::vector<std::size_t> kDecode(kPrompt.size(), 1);

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double relative_error(const float* got, const Doubles& expected) {
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(got[i] - expected[i], 2);
    norm += std::pow(expected[i], 2);
  }
  return std::sqrt(error / norm);
}

TEST(Transformer, AgreesWithThePlainModel) {
  for (const FfnActivation activation : {FfnActivation::kSquaredRelu, FfnActivation::kSilu}) {
    TinyF32 f32;
    f32.weights.config.activation = activation;
    const std::vector<float> logits = logits_in_parts(f32.weights, {}, nullptr, 1, kPrefill);
    Weights q6k = tiny();
    q6k.config.activation = activation;
    const std::vector<float> rounded = logits_in_parts(q6k, {}, nullptr, 1, kPrefill);
    PlainModel plain(f32.weights);
    for (std::size_t t = 0; t < kPrompt.size(); ++t) {
      const Doubles expected = plain.next(kPrompt[t]);
      // A value that rounds the other way moves a product by a part in thousands at most.
      EXPECT_LT(relative_error(logits.data() + t * 512, expected), 2e-3) << t;
      // The Q6_K head takes the last hidden state in int8.
      EXPECT_LT(relative_error(rounded.data() + t * 512, expected), 2e-2) << t;
    }
  }
}

TEST(Transformer, DecodeAndPrefillAreTheSameBits) {
  const Weights weights = tiny();
  const std::vector<float> prefill = logits_in_parts(weights, {}, nullptr, 1, kPrefill);
  EXPECT_TRUE(same(prefill, logits_in_parts(weights, {}, nullptr, 1, kDecode)));
  EXPECT_TRUE(same(prefill, logits_in_parts(weights, {}, nullptr, 1, {2, 5, 1, 3})));
}

TEST(Transformer, ThreadsAndSchedulesDoNotShow) {
  const Weights weights = tiny();
  const std::vector<float> expected = logits_in_parts(weights, {}, nullptr, 1, kPrefill);
  for (const unsigned threads : {1u, 2u, 3u}) {
    for (const RegionPolicy region : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
      for (const LoopSpec loop :
           {LoopSpec{LoopKind::kStatic, 0}, LoopSpec{LoopKind::kDynamic, 1},
            LoopSpec{LoopKind::kGuided, 1}, LoopSpec{LoopKind::kStealing, 1}}) {
        for (const OutputPolicy output : {OutputPolicy::kAligned, OutputPolicy::kInterleaved}) {
          Combination combination;
          combination.schedule = {loop, ScratchPolicy::kLockedPool, output, region};
          EXPECT_TRUE(
              same(expected, logits_in_parts(weights, combination, nullptr, threads, {6, 5})))
              << threads << " " << loop_name(loop);
        }
      }
    }
  }
}

TEST(Transformer, EveryExactKernelGivesTheNaiveLogits) {
  for (const FfnActivation activation : {FfnActivation::kSquaredRelu, FfnActivation::kSilu}) {
    Weights weights = tiny();
    weights.config.activation = activation;
    const std::vector<float> expected = logits_in_parts(weights, {}, nullptr, 1, kPrefill);
    std::map<const Encoding*, PackedModel> packed;
    Team packer({2, {}});
    for (const Kernel* kernel : built_in_catalogue().kernels) {
      const std::string name = std::string(kernel->name) + " " + kernel->encoding->name;
      if (const std::string why = why_not_runnable(*kernel); !why.empty()) {
        std::printf("[ SKIPPED  ] %s: %s\n", name.c_str(), why.c_str());
        continue;
      }
      const auto [it, is_new] = packed.try_emplace(kernel->encoding);
      if (is_new) it->second = pack_model(weights, *kernel->encoding, packer);
      const Combination combination{kernel, kernel, {}};
      const std::vector<float> decode =
          logits_in_parts(weights, combination, &it->second, 2, kDecode);
      const std::vector<float> prefill =
          logits_in_parts(weights, combination, &it->second, 3, kPrefill);
      if (kernel->encoding->exact) {
        EXPECT_TRUE(same(expected, decode)) << name;
        EXPECT_TRUE(same(expected, prefill)) << name;
      } else {
        EXPECT_FALSE(same(expected, decode)) << name << " is known wrong, but is not";
        EXPECT_TRUE(same(prefill, decode)) << name;
      }
    }
  }
}

TEST(Transformer, LastTokenAndEveryTokenAgree) {
  const Weights weights = tiny();
  const std::vector<float> every = logits_in_parts(weights, {}, nullptr, 1, kPrefill);
  Team team({2, {}});
  Transformer transformer(weights, kPrompt.size());
  std::vector<float> last(512);
  for (int round = 0; round < 2; ++round) {
    transformer.reset();
    EXPECT_EQ(transformer.position(), 0u);
    transformer.forward(kPrompt, {}, nullptr, team, LogitsFor::kLastToken, last.data());
    EXPECT_TRUE(same(last, {every.end() - 512, every.end()}));
  }
}

// More tokens than pass at once.
TEST(Transformer, LongInputsAreTheSameInParts) {
  const Weights weights = tiny();
  std::vector<std::int32_t> tokens(600);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<std::int32_t>(i * 7 % 512);
  const Kernel* kernel = built_in_catalogue().find_kernel("scalar", "two-bit");
  ASSERT_NE(kernel, nullptr);
  Team team({2, {}});
  const PackedModel packed = pack_model(weights, *kernel->encoding, team);
  const Combination combination{kernel, kernel, {}};
  Transformer whole(weights, 600);
  std::vector<float> every(600 * 512);
  whole.forward(tokens, combination, &packed, team, LogitsFor::kEveryToken, every.data());
  EXPECT_EQ(whole.position(), 600u);
  Transformer parts(weights, 600);
  std::vector<float> some(512);
  for (std::size_t at = 0; at < 600; at += 100) {
    parts.forward(std::span(tokens).subspan(at, 100), combination, &packed, team,
                  LogitsFor::kLastToken, some.data());
    EXPECT_TRUE(std::equal(some.begin(), some.end(), every.data() + (at + 99) * 512));
  }
}

TEST(Transformer, TheObserverSeesEveryProductOnce) {
  const Weights weights = tiny();
  for (const RegionPolicy region : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
    Team team({3, {}});
    Transformer transformer(weights, 16);
    std::vector<float> logits(512);
    std::vector<ProductRecord> seen;
    std::vector<double> errors;
    const ProductObserver observer = [&](const ProductRecord& record) {
      seen.push_back(record);
      // Results are there: check a row of the last token against the definition.
      const TernaryTensor& t =
          weights.layers[record.layer].site[static_cast<std::size_t>(record.site)];
      ASSERT_EQ(record.rows, t.rows);
      ASSERT_EQ(record.batch->cols(), t.cols);
      const Activations a = record.batch->view();
      const std::size_t last = a.tokens - 1;
      std::vector<std::int8_t> row(t.cols);
      t.read_row(t.rows - 1, row.data());
      std::int32_t sum = 0;
      double squares = 0;
      for (std::size_t k = 0; k < t.cols; ++k) {
        const int q = a.q[last * a.stride + k];
        sum += row[k] * q;
        squares += q * q;
      }
      const double scale = record.batch->scales()[last];
      const double expected = static_cast<double>(t.scale) * scale * sum;
      EXPECT_NEAR(record.y[last * t.rows + t.rows - 1], expected, 1e-6 * std::abs(expected));
      const double rms = scale * std::sqrt(squares / static_cast<double>(t.cols));
      EXPECT_NEAR(record.activation_rms, rms, 0.05 * rms);
    };
    Combination combination;
    combination.schedule.region = region;
    transformer.forward(std::span(kPrompt).first(4), combination, nullptr, team,
                        LogitsFor::kLastToken, logits.data(), &observer);
    ASSERT_EQ(seen.size(), weights.layers.size() * kSites);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].layer, i / kSites);
      EXPECT_EQ(static_cast<std::size_t>(seen[i].site), i % kSites);
    }
  }
}

TEST(Transformer, RefusesWhatItCannotDo) {
  const Weights weights = tiny();
  Team team({1, {}});
  EXPECT_THROW(Transformer(weights, 0), InputError);
  EXPECT_THROW(Transformer(weights, ~std::size_t{0}), InputError);
  Transformer transformer(weights, 4);
  EXPECT_EQ(transformer.context(), 4u);
  std::vector<float> logits(4 * 512);
  const auto refusal = [&](const std::vector<std::int32_t>& tokens) -> std::string {
    try {
      transformer.forward(tokens, {}, nullptr, team, LogitsFor::kLastToken, logits.data());
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal({}).find("no tokens"), std::string::npos);
  EXPECT_NE(refusal({1, 512}).find("token 512 (number 2"), std::string::npos);
  EXPECT_NE(refusal({-1}).find("outside the vocabulary"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 3, 4, 5}).find("is full"), std::string::npos);
  EXPECT_EQ(transformer.position(), 0u);
  EXPECT_EQ(refusal({1, 2, 3, 4}), "");
  EXPECT_NE(refusal({1}).find("4 are used and 1 more"), std::string::npos);
  const Kernel* kernel = built_in_catalogue().kernels.front();
  transformer.reset();
  const std::vector<std::int32_t> one{1};
  EXPECT_THROW(transformer.forward(one, {kernel, kernel, {}}, nullptr, team, LogitsFor::kLastToken,
                                   logits.data()),
               InputError);
}

}  // namespace
}  // namespace ryz
