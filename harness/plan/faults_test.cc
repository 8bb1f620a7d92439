#include "harness/plan/faults.h"

#include <gtest/gtest.h>

#include "harness/plan/usage_error.h"

namespace ryz {
namespace {

std::string id(const SchedulePlan& plan) {
  CellSpec spec;
  spec.schedule = plan.schedule;
  spec.pin = plan.pin;
  return cell_id(spec);
}

const SchedulePlan kAsFound{as_found_schedule(), {PinPolicy::kNone, {}, {}}};
const SchedulePlan kRepaired{repaired_schedule(), {}};

TEST(SchedulingFaults, TogetherAreTheEngineAsFoundAndAloneAreRepairedOneByOne) {
  CellSpec spec;
  spec.schedule = repaired_schedule();
  for (const SchedulingFault& fault : scheduling_faults()) {
    CellSpec alone;
    alone.schedule = repaired_schedule();
    const std::string healthy = cell_id(alone);
    fault.put(alone);
    EXPECT_NE(cell_id(alone), healthy) << fault.name;
    fault.repair(alone);
    EXPECT_EQ(cell_id(alone), healthy) << fault.name;
    fault.put(spec);
  }
  EXPECT_EQ(cell_id(spec), id(kAsFound));
}

TEST(Bundles, AreWholeSchedules) {
  EXPECT_EQ(schedule_bundles("as-found,repaired", "none"),
            (std::vector<SchedulePlan>{kAsFound, kRepaired}));
  EXPECT_EQ(id(kRepaired), "decode/naive/source/s/t1");
}

TEST(Bundles, KeepFaultsAloneAndTogether) {
  const auto plans = schedule_bundles("repaired", "none,lock,lock+grain,unpinned,lock");
  ASSERT_EQ(plans.size(), 4U);
  EXPECT_EQ(plans[0], kRepaired);
  EXPECT_EQ(id(plans[1]), "decode/naive/source/s/t1@scratch=pool");
  EXPECT_EQ(id(plans[2]), "decode/naive/source/g1/t1@scratch=pool");
  EXPECT_EQ(id(plans[3]), "decode/naive/source/s/t1@pin=none");
  EXPECT_EQ(schedule_bundles("repaired", "none,all,together").size(),
            scheduling_faults().size() + 2);
  EXPECT_EQ(schedule_bundles("repaired", "together").front(), kAsFound);
  // What is the same schedule is one plan.
  EXPECT_EQ(schedule_bundles("as-found,repaired", "together").size(), 1U);
}

TEST(Bundles, WhatCannotBeIsRefused) {
  EXPECT_THROW(schedule_bundles("repaired", "locks"), UsageError);
  EXPECT_THROW(schedule_bundles("repaired", "lock,"), UsageError);
  EXPECT_THROW(schedule_bundles("repaired", "lock+"), UsageError);
  EXPECT_THROW(schedule_bundles("fixed", "none"), UsageError);
  EXPECT_THROW(schedule_bundles("as-found", "lock"), UsageError);
}

}  // namespace
}  // namespace ryz
