#include "harness/plan/cells.h"

#include <gtest/gtest.h>

#include <set>

namespace ryz {
namespace {

const Kernel& kernel(const char* name, const char* encoding) {
  return *built_in_catalogue().find_kernel(name, encoding);
}

TEST(CellId, NamesPhaseKernelEncodingScheduleThreads) {
  CellSpec spec;
  spec.requested = &kernel("avx512-gather", "quint");
  spec.schedule = repaired_schedule();
  spec.schedule.loop = {LoopKind::kDynamic, 4};
  spec.threads = 2;
  EXPECT_EQ(cell_id(spec), "decode/avx512-gather/quint/g4/t2");
  spec.phase = Phase::kPrefill;
  spec.schedule.loop = {LoopKind::kStatic, 0};
  EXPECT_EQ(cell_id(spec), "prefill/avx512-gather/quint/s/t2");
}

TEST(CellId, OtherAxesFollowInFixedOrder) {
  CellSpec spec;
  spec.requested = &kernel("avx512-gather", "sign-bits");
  spec.executed = &kernel("scalar", "sign-bits");
  spec.schedule = as_found_schedule();
  spec.pin.policy = PinPolicy::kNone;
  spec.model = "bitnet-2b4t";
  EXPECT_EQ(cell_id(spec),
            "decode/avx512-gather/sign-bits/g1/t1@executed=scalar@scratch=pool@output=interleaved"
            "@region=product@pin=none@model=bitnet-2b4t");
}

TEST(Expand, IsTheCrossProductWithoutDuplicates) {
  Axes axes;
  axes.kernels = {&kernel("scalar", "quint"), &kernel("scalar", "two-bit-x32"),
                  &kernel("avx2", "quint")};
  axes.grains = {1, 4, 16};
  axes.threads = {1, 2};
  const auto cells = expand(axes);
  EXPECT_EQ(cells.size(), 3U * 2U * 3U * 2U);
  std::set<std::string> ids;
  for (const CellSpec& c : cells) ids.insert(cell_id(c));
  EXPECT_EQ(ids.size(), cells.size());
}

TEST(Expand, CellsOfAnEncodingAreNeighbours) {
  Axes axes;
  axes.kernels = {&kernel("scalar", "quint"), &kernel("scalar", "pair"), &kernel("avx2", "quint")};
  axes.grains = {1};
  axes.phases = {Phase::kDecode};
  const auto cells = expand(axes);
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_STREQ(cells[0].requested->encoding->name, "quint");
  EXPECT_STREQ(cells[1].requested->encoding->name, "quint");
}

TEST(Expand, AutoGrainThatIsAlsoListedGivesOneCell) {
  Axes axes;
  axes.kernels = {&kernel("scalar", "quint")};
  axes.phases = {Phase::kDecode};
  axes.grains = {0, auto_grain(LoopKind::kDynamic, 1)};
  EXPECT_EQ(expand(axes).size(), 1U);
}

TEST(Expand, EverySwitchIsAnAxis) {
  Axes axes;
  axes.kernels = {&kernel("scalar", "quint")};
  axes.phases = {Phase::kDecode};
  axes.schedules = {LoopKind::kStatic};
  axes.grains = {0};
  axes.scratches = {ScratchPolicy::kArenas, ScratchPolicy::kLockedPool};
  axes.outputs = {OutputPolicy::kAligned, OutputPolicy::kInterleaved};
  axes.regions = {RegionPolicy::kToken, RegionPolicy::kProduct};
  axes.barriers = {BarrierPolicy::kSpin, BarrierPolicy::kYield, BarrierPolicy::kPark};
  axes.first_touches = {FirstTouch::kOwners, FirstTouch::kOne};
  axes.pins = {{}, {PinPolicy::kNone, {}, {}}};
  const auto cells = expand(axes);
  EXPECT_EQ(cells.size(), 2U * 2U * 2U * 3U * 2U * 2U);
  EXPECT_EQ(cell_id(cells.front()), "decode/scalar/quint/s/t1@barrier=spin");
  EXPECT_EQ(cell_id(cells.back()),
            "decode/scalar/quint/s/t1@scratch=pool@output=interleaved@region=product@barrier=park"
            "@first-touch=one@pin=none");
}

TEST(Expand, BundlesReplaceTheScheduleAxes) {
  Axes axes;
  axes.kernels = {&kernel("scalar", "quint")};
  axes.phases = {Phase::kDecode};
  axes.bundles = {{repaired_schedule(), {}}};
  const auto cells = expand(axes);
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cell_id(cells[0]), "decode/scalar/quint/s/t1");
}

TEST(AutoGrain, IsSomeRowsAndAtLeastOneTile) {
  EXPECT_EQ(auto_grain(LoopKind::kDynamic, 1), 64U);
  EXPECT_EQ(auto_grain(LoopKind::kDynamic, 32), 2U);
  EXPECT_EQ(auto_grain(LoopKind::kDynamic, 256), 1U);
  EXPECT_EQ(auto_grain(LoopKind::kStatic, 32), 0U);
}

}  // namespace
}  // namespace ryz
