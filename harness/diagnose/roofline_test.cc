#include "harness/diagnose/roofline.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

constexpr double kWindow = 32e6;

report::Report machine() {
  report::Report report;
  report.machine.hard.llc_bytes = 32'000'000;
  report::Model model;
  model.source = "m";
  model.head_bytes = 20'000'000;
  model.ternary_weights = 1'000'000'000;
  report.models.push_back(model);
  report.read_bandwidth = {{1, 30.0}, {2, 60.0}};
  report.multiply_rate = {{2, 500.0, "vpdpbusd"}};
  return report;
}

// Two threads at 50 tokens a second, 10^9 bytes each.
report::Cell cell() {
  report::Cell c;
  c.model = "m";
  c.threads = 2;
  c.weights_bytes = 980'000'000;
  c.tok_per_s = report::Throughput{50.0, 50.0, 50.0, 0.0, 3};
  c.roofline = report::Roofline{1'000'000'000, 50.0, std::nullopt};
  return c;
}

// A sample of `tok_per_s` beside bare reads of gb_per_s.
void add_sample(report::Cell& cell, double tok_per_s, double gb_per_s) {
  report::Sample s;
  s.round = static_cast<unsigned>(cell.samples.size());
  s.tokens = 10;
  s.time_ns = static_cast<std::uint64_t>(10e9 / tok_per_s);
  s.reference_memory_ns = static_cast<std::uint64_t>(cell.threads * kWindow / gb_per_s);
  cell.samples.push_back(s);
}

TEST(Roofline, SharesOfTheRoofsOfAsManyThreads) {
  report::Cell c = cell();
  fill_roofline(machine(), kWindow, c);
  EXPECT_DOUBLE_EQ(c.roofline->roof_ratio.value(), 50.0 / 60.0);
  EXPECT_DOUBLE_EQ(c.roofline->gmac_per_s.value(), 50.0);
  EXPECT_DOUBLE_EQ(c.roofline->gmac_ratio.value(), 0.1);
  EXPECT_EQ(c.roofline->bound, "memory");
  EXPECT_FALSE(c.roofline->beside_ratio.has_value());  // no sample says what lay beside it
  c.threads = 3;
  c.roofline = report::Roofline{1'000'000'000, 50.0, std::nullopt};
  fill_roofline(machine(), kWindow, c);
  EXPECT_FALSE(c.roofline->roof_ratio.has_value());
  EXPECT_EQ(c.roofline->bound, "");
}

TEST(Roofline, EachSampleIsHeldAgainstTheReadsBesideIt) {
  report::Cell c = cell();
  // The memory gave half as much in one round: the cell was slow with it, not short of it.
  add_sample(c, 54.0, 60.0);
  add_sample(c, 27.0, 30.0);
  add_sample(c, 27.0, 30.0);
  fill_roofline(machine(), kWindow, c);
  EXPECT_NEAR(c.roofline->beside_ratio.value(), 0.9, 1e-6);
}

TEST(Roofline, DisturbedSamplesCountWhereThereAreNoOthers) {
  report::Cell c = cell();
  add_sample(c, 54.0, 60.0);
  add_sample(c, 30.0, 60.0);
  add_sample(c, 24.0, 60.0);
  c.samples[1].disturbed = c.samples[2].disturbed = {"steal"};
  fill_roofline(machine(), kWindow, c);
  EXPECT_NEAR(c.roofline->beside_ratio.value(), 0.9, 1e-6);
  c.samples.erase(c.samples.begin());
  fill_roofline(machine(), kWindow, c);
  EXPECT_NEAR(c.roofline->beside_ratio.value(), 0.45, 1e-6);
}

TEST(Roofline, TheReadsBesideDecideWhetherMemoryBinds) {
  report::Cell c = cell();
  c.tok_per_s->median = 30.0;
  c.roofline->gb_per_s = 30.0;  // half the roof of a calmer minute
  for (int i = 0; i < 3; ++i) add_sample(c, 30.0, 32.0);
  fill_roofline(machine(), kWindow, c);
  EXPECT_DOUBLE_EQ(c.roofline->roof_ratio.value(), 0.5);
  EXPECT_EQ(c.roofline->bound, "memory");
  c.samples.clear();
  fill_roofline(machine(), kWindow, c);
  EXPECT_EQ(c.roofline->bound, "overhead");
}

TEST(Roofline, WhatFitsTheCachesHasNoRoofInMemory) {
  report::Cell c = cell();
  c.weights_bytes = 12'000'000;
  add_sample(c, 50.0, 60.0);
  fill_roofline(machine(), kWindow, c);
  EXPECT_FALSE(c.roofline->roof_ratio.has_value());
  EXPECT_FALSE(c.roofline->beside_ratio.has_value());
  EXPECT_EQ(c.roofline->bound, "overhead");
}

TEST(Roofline, ACellWithoutASpeedIsLeftAlone) {
  report::Cell c = cell();
  c.tok_per_s.reset();
  const report::Cell before = c;
  fill_roofline(machine(), kWindow, c);
  EXPECT_EQ(c, before);
}

}  // namespace
}  // namespace ryz
