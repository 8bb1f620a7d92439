#include "model/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/cpu.h"
#include "model/ops_table.h"
#include "model/quantize.h"
#include "model/random.h"

namespace ryz {
namespace {

std::vector<float> normals(std::size_t n, std::uint64_t stream, double scale = 1.0) {
  Random random(7, stream);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(scale * random.normal());
  return x;
}

// Sizes around the sixteen partial sums.
constexpr std::size_t kSizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 128, 257, 2560};

struct Named {
  const char* name;
  const OpsTable* table;
};
constexpr Named kTables[] = {
    {"baseline", &ops_baseline}, {"avx2", &ops_avx2}, {"avx512", &ops_avx512}};

// Every implementation that runs here; the others are named in the output.
std::vector<Named> runnable() {
  std::vector<Named> tables;
  for (const Named& named : kTables) {
    if (contains(usable_isa(), named.table->needs)) {
      tables.push_back(named);
    } else {
      std::printf("[ SKIPPED  ] %s cannot run on this machine\n", named.name);
    }
  }
  return tables;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The definition of ops.h, literally.
float dot_as_defined(const std::vector<float>& a, const std::vector<float>& b) {
  float sums[16] = {};
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float product = a[i] * b[i];
    sums[i % 16] += product;
  }
  for (std::size_t n = 8; n > 0; n /= 2) {
    for (std::size_t i = 0; i < n; ++i) sums[i] += sums[i + n];
  }
  return sums[0];
}

TEST(Ops, DotHasTheDefinedOrderOnEveryInstructionSet) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> a = normals(n, 1);
    const std::vector<float> b = normals(n, 2);
    const float expected = dot_as_defined(a, b);
    for (const Named& named : runnable()) {
      EXPECT_EQ(named.table->dot(a.data(), b.data(), n), expected) << named.name << " " << n;
    }
  }
}

TEST(Ops, AllInstructionSetsGiveTheSameBits) {
  for (const Named& named : runnable()) {
    for (const std::size_t n : kSizes) {
      const std::vector<float> x = normals(n, 3, 4.0);
      const std::vector<float> w = normals(n, 4);
      std::vector<float> expected(n);
      std::vector<float> got(n);
      ops_baseline.rms_norm(x.data(), w.data(), n, 1e-5F, expected.data());
      named.table->rms_norm(x.data(), w.data(), n, 1e-5F, got.data());
      EXPECT_TRUE(same(expected, got)) << "rms_norm " << named.name << " " << n;
      ops_baseline.silu_gate(x.data(), w.data(), n, expected.data());
      named.table->silu_gate(x.data(), w.data(), n, got.data());
      EXPECT_TRUE(same(expected, got)) << "silu_gate " << named.name << " " << n;
      ops_baseline.squared_relu_gate(x.data(), w.data(), n, expected.data());
      named.table->squared_relu_gate(x.data(), w.data(), n, got.data());
      EXPECT_TRUE(same(expected, got)) << "squared_relu_gate " << named.name << " " << n;
      expected = got = x;
      ops_baseline.softmax(expected.data(), n);
      named.table->softmax(got.data(), n);
      EXPECT_TRUE(same(expected, got)) << "softmax " << named.name << " " << n;
    }
    for (const std::size_t width : {8u, 16u, 40u, 64u, 80u, 128u, 144u}) {
      for (const std::size_t positions : {1u, 5u, 16u, 37u}) {
        const std::vector<float> q = normals(width, 5, 2.0);
        const std::vector<float> k = normals(width * positions, 6);
        const std::vector<float> v = normals(width * positions, 7);
        std::vector<float> scores(positions);
        std::vector<float> expected(width);
        std::vector<float> got(width);
        ops_baseline.attention(q.data(), k.data(), v.data(), positions, width, scores.data(),
                               expected.data());
        named.table->attention(q.data(), k.data(), v.data(), positions, width, scores.data(),
                               got.data());
        EXPECT_TRUE(same(expected, got))
            << "attention " << named.name << " " << width << " " << positions;
      }
    }
  }
}

TEST(Ops, FourAttentionsAreFourTimesOne) {
  for (const Named& named : runnable()) {
    for (const std::size_t width : {8u, 16u, 40u, 64u, 80u, 128u, 144u}) {
      for (const std::size_t positions : {1u, 2u, 5u, 16u, 37u}) {
        for (const std::size_t later : {0u, 1u}) {
          const std::size_t stride = later == 0 ? width : 3 * width;
          const std::size_t all = positions + 3 * later;
          std::vector<float> q = normals(4 * stride, 5, 2.0);
          std::vector<float> expected = q;
          const std::vector<float> k = normals(width * all, 6);
          const std::vector<float> v = normals(width * all, 7);
          std::vector<float> scores(4 * all);
          for (std::size_t i = 0; i < 4; ++i) {
            float* const one = expected.data() + i * stride;
            ops_baseline.attention(one, k.data(), v.data(), positions + i * later, width,
                                   scores.data(), one);
          }
          named.table->four_attentions(q.data(), stride, k.data(), v.data(), positions, later,
                                       width, scores.data(), all);
          EXPECT_EQ(std::memcmp(q.data(), expected.data(), q.size() * sizeof(float)), 0)
              << named.name << " " << width << " " << positions << " " << later;
        }
      }
    }
  }
}

TEST(Ops, RmsNorm) {
  const std::vector<float> x{3.0F, -4.0F};
  const std::vector<float> w{1.0F, 2.0F};
  float y[2];
  rms_norm(x.data(), w.data(), 2, 0.0F, y);
  EXPECT_NEAR(y[0], 3.0 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(y[1], -8.0 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(rms(x.data(), 2), std::sqrt(12.5), 1e-12);
  const std::vector<float> zeros(64, 0.0F);
  std::vector<float> out(64);
  rms_norm(zeros.data(), zeros.data(), 64, 1e-5F, out.data());
  EXPECT_EQ(out, zeros);
}

TEST(Ops, RopeTurnsHalfSplitPairs) {
  std::vector<float> x{1, 2, 3, 4};
  const float c[2] = {0.0F, 1.0F};  // a quarter turn of pair (0, 2), none of pair (1, 3)
  const float s[2] = {1.0F, 0.0F};
  rope(x.data(), c, s, 4);
  EXPECT_EQ(x, (std::vector<float>{-3, 2, 1, 4}));
}

TEST(Ops, SoftmaxIsOneInSumAndTrueToTheExponential) {
  for (const std::size_t n : kSizes) {
    std::vector<float> x = normals(n, 9, 10.0);
    const std::vector<float> before = x;
    const double max = *std::max_element(x.begin(), x.end());
    double sum = 0.0;
    for (const float v : before) sum += std::exp(static_cast<double>(v) - max);
    softmax(x.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = std::exp(static_cast<double>(before[i]) - max) / sum;
      EXPECT_NEAR(x[i], expected, 3e-6 * expected + 1e-30) << n << " " << i;
    }
  }
  std::vector<float> far{0.0F, -1000.0F, -std::numeric_limits<float>::infinity()};
  softmax(far.data(), far.size());
  EXPECT_EQ(far[0], 1.0F);
  EXPECT_LT(far[1], 1e-37F);
  std::vector<float> broken{0.0F, std::numeric_limits<float>::quiet_NaN()};
  softmax(broken.data(), broken.size());
  EXPECT_TRUE(std::isnan(broken[0]) && std::isnan(broken[1]));
}

TEST(Ops, Gates) {
  const std::vector<float> gate{2.0F, -2.0F, 0.0F, 100.0F, -100.0F};
  const std::vector<float> up{3.0F, 3.0F, 3.0F, 1.0F, 1.0F};
  std::vector<float> y(5);
  squared_relu_gate(gate.data(), up.data(), 5, y.data());
  EXPECT_EQ(y, (std::vector<float>{12.0F, 0.0F, 0.0F, 10000.0F, 0.0F}));
  silu_gate(gate.data(), up.data(), 5, y.data());
  for (std::size_t i = 0; i < 5; ++i) {
    const double expected = gate[i] / (1.0 + std::exp(-static_cast<double>(gate[i]))) * up[i];
    EXPECT_NEAR(y[i], expected, 1e-6 * std::abs(expected) + 1e-30) << i;
  }
}

TEST(Ops, AddAndScaleOnEveryInstructionSet) {
  for (const Named& named : runnable()) {
    for (const std::size_t n : kSizes) {
      const std::vector<float> y = normals(n, 3);
      std::vector<float> x = normals(n + 1, 4);
      std::vector<std::int32_t> sums(n);
      for (std::size_t i = 0; i < n; ++i) {
        sums[i] = static_cast<std::int32_t>(i * 2654435761U);  // also past a float's 24 bits
      }
      std::vector<float> expected = x;  // one more that stays as it is
      for (std::size_t i = 0; i < n; ++i) expected[i] += y[i];
      named.table->add(x.data(), y.data(), n);
      EXPECT_TRUE(same(expected, x)) << "add " << named.name << " " << n;
      for (std::size_t i = 0; i < n; ++i) expected[i] = 0.3F * static_cast<float>(sums[i]);
      named.table->scale(sums.data(), 0.3F, n, x.data());
      EXPECT_TRUE(same(expected, x)) << "scale " << named.name << " " << n;
    }
  }
}

TEST(Ops, AttentionWeighsValuesBySoftmax) {
  constexpr std::size_t kWidth = 24;
  constexpr std::size_t kPositions = 19;
  const std::vector<float> q = normals(kWidth, 1);
  const std::vector<float> k = normals(kWidth * kPositions, 2);
  const std::vector<float> v = normals(kWidth * kPositions, 3);
  std::vector<float> scores(kPositions);
  std::vector<float> out(kWidth);
  attention(q.data(), k.data(), v.data(), kPositions, kWidth, scores.data(), out.data());
  std::vector<double> expected(kWidth);
  double sum = 0.0;
  for (std::size_t p = 0; p < kPositions; ++p) {
    double score = 0.0;
    for (std::size_t d = 0; d < kWidth; ++d) {
      score += static_cast<double>(q[d]) * k[p * kWidth + d];
    }
    const double weight = std::exp(score / std::sqrt(static_cast<double>(kWidth)));
    sum += weight;
    for (std::size_t d = 0; d < kWidth; ++d) expected[d] += weight * v[p * kWidth + d];
  }
  for (std::size_t d = 0; d < kWidth; ++d) EXPECT_NEAR(out[d], expected[d] / sum, 1e-5);
}

TEST(Quantize, RoundsTiesToEvenAndSums) {
  std::vector<float> x{0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 127.0F, -127.4F, 200.0F, -200.0F, 0.0F};
  x.resize(35, 1.0F);  // vectors and a tail
  std::vector<std::int8_t> q(x.size());
  const std::int32_t sum = round_to_int8(x.data(), 1.0F, x.size(), q.data());
  const std::vector<std::int8_t> expected{0, 2, 2, 0, -2, 127, -127, 127, -128, 0};
  EXPECT_EQ(std::vector<std::int8_t>(q.begin(), q.begin() + 10), expected);
  std::int32_t of = 0;
  for (const std::int8_t v : q) of += v;
  EXPECT_EQ(sum, of);
  // The same numbers in the tail.
  std::vector<std::int8_t> tail(10);
  round_to_int8(x.data(), 1.0F, 10, tail.data());
  EXPECT_EQ(tail, expected);
}

TEST(Quantize, MaxMagnitude) {
  for (const std::size_t n : kSizes) {
    std::vector<float> x = normals(n, 4);
    x[n / 2] = -9.0F;
    EXPECT_EQ(max_magnitude(x.data(), n), 9.0F) << n;
    x[n / 2] = 0.0F;
    x[n - 1] = 9.0F;
    EXPECT_EQ(max_magnitude(x.data(), n), 9.0F) << n;
  }
}

}  // namespace
}  // namespace ryz
