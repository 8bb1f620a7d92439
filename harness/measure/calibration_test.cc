#include "harness/measure/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/catalogue.h"

namespace ryz {
namespace {

std::vector<const Kernel*> exact_kernels() {
  std::vector<const Kernel*> kernels;
  for (const Kernel* k : built_in_catalogue().kernels) {
    if (k->encoding->exact && why_not_runnable(*k).empty()) kernels.push_back(k);
  }
  return kernels;
}

TEST(Calibration, MeasuresBothPhasesAndPutsTheFastestFirst) {
  Team team({2, {}});
  const Weights weights = make_weights(*find_preset("tiny"), 42, team);
  const Calibration c = calibrate(weights, exact_kernels(), team, 5, std::size_t{1} << 30);
  EXPECT_FALSE(c.from_memory);
  EXPECT_EQ(c.batch, 5U);
  EXPECT_GT(c.pack_weights_per_s, 0.0);
  for (const auto* list : {&c.decode, &c.prefill}) {
    ASSERT_FALSE(list->empty());
    EXPECT_TRUE(std::is_sorted(list->begin(), list->end(), [](const auto& a, const auto& b) {
      return a.seconds_per_token < b.seconds_per_token;
    }));
    for (const CalibratedKernel& k : *list) EXPECT_GT(k.seconds_per_token, 0.0);
  }
}

TEST(Calibration, WeightsLargerThanTheCacheComeFromMemory) {
  Team team({1, {}});
  const Weights weights = make_weights(*find_preset("tiny"), 42, team);
  const Calibration c = calibrate(weights, exact_kernels(), team, 1, 1);
  EXPECT_TRUE(c.from_memory);
  EXPECT_EQ(c.prefill.front().kernel, c.decode.front().kernel);
}

// A second packing has to pay for itself.
TEST(Calibration, AnotherEncodingForThePromptOnlyWhereItSavesMoreThanPacking) {
  Team team({1, {}});
  const Weights weights = make_weights(*find_preset("tiny"), 42, team);
  const Catalogue& all = built_in_catalogue();
  const Kernel* slow = all.find_kernel("scalar", "quint");
  const Kernel* fast = all.find_kernel("scalar", "two-bit");
  ASSERT_TRUE(slow && fast);
  Calibration c;
  c.batch = 16;
  c.decode = {{slow, 1.0}};
  c.prefill = {{fast, 0.1}, {slow, 0.5}};
  c.pack_weights_per_s = static_cast<double>(weights.config.ternary_weights());  // one second
  EXPECT_EQ(choose(c, weights, 2).prefill, slow);
  EXPECT_EQ(choose(c, weights, 3).prefill, fast);
  EXPECT_EQ(choose(c, weights, 3).decode, slow);
  EXPECT_NE(choose(c, weights, 2).reason.find("packing"), std::string::npos);
  c.prefill = {{fast, 0.1}};  // decode's own was not among the fastest
  EXPECT_EQ(choose(c, weights, 1).prefill, slow);
  EXPECT_EQ(choose(c, weights, 2).prefill, fast);
}

}  // namespace
}  // namespace ryz
