#include "harness/plan/pinning.h"

#include <gtest/gtest.h>

#include "harness/plan/usage_error.h"

namespace ryz {
namespace {

using Cpus = std::vector<int>;

// Two sockets of two cores with two hardware threads each. hwloc numbers hardware threads depth
// first: core 0 has CPUs 0 and 1.
Topology sockets() { return Topology::synthetic("pack:2 numa:1 core:2 pu:2"); }

TEST(Pinning, PoliciesOrderTheSameCpusDifferently) {
  const Topology t = sockets();
  EXPECT_EQ(physical_core_cpus(t), (Cpus{0, 2, 4, 6}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kCompact, t).cpus, (Cpus{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kSpread, t).cpus, (Cpus{0, 4, 2, 6}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kSmt, t).cpus, (Cpus{0, 2, 4, 6, 1, 3, 5, 7}));
  for (const PinPolicy p : {PinPolicy::kCompact, PinPolicy::kSpread, PinPolicy::kSmt}) {
    EXPECT_EQ(resolve_pinning(p, t).not_here, "");
  }
}

TEST(Pinning, WhatWouldBeTheSameCpusSaysSo) {
  const Topology plain = Topology::synthetic("core:2 pu:1");
  for (const PinPolicy p : {PinPolicy::kCompact, PinPolicy::kSpread, PinPolicy::kSmt}) {
    EXPECT_NE(resolve_pinning(p, plain).not_here.find("not measurable here"), std::string::npos);
  }
  EXPECT_EQ(resolve_pinning(PinPolicy::kCores, plain).not_here, "");
  EXPECT_EQ(resolve_pinning(PinPolicy::kNone, plain).not_here, "");
}

TEST(Pinning, ACpusetThatStartsElsewhereIsObeyed) {
  const Topology t = Topology::synthetic("pack:2 numa:1 core:2 pu:2", {3, 4, 5, 7});
  EXPECT_EQ(physical_core_cpus(t), (Cpus{3, 4, 7}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kCompact, t).cpus, (Cpus{3, 4, 5, 7}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kSpread, t).cpus, (Cpus{3, 4, 7}));
  EXPECT_EQ(resolve_pinning(PinPolicy::kSmt, t).cpus, (Cpus{3, 4, 7, 5}));
}

TEST(ParsePinnings, ListsTakeTheNumbersThatFollow) {
  const auto pins = parse_pinnings("none,list:0,2-4,cores,cores", sockets());
  ASSERT_EQ(pins.size(), 3U);
  EXPECT_EQ(pins[0].policy, PinPolicy::kNone);
  EXPECT_EQ(pins[1].cpus, (Cpus{0, 2, 3, 4}));
  EXPECT_EQ(pin_name(pins[1]), "list:0,2,3,4");
  EXPECT_EQ(pins[2].policy, PinPolicy::kCores);
  for (const char* name : {"cores", "none", "compact", "spread", "smt"}) {
    EXPECT_EQ(pin_name(parse_pinnings(name, sockets()).front()), name);
  }
}

TEST(ParsePinnings, WhatCannotBeIsRefused) {
  for (const char* bad :
       {"", "core", "none,", "list:", "list:,none", "list:8", "list:0,0", "list:3-1", "list:0-",
        "list:-1", "list:1x", "0,1", "list:99999999999999999999"}) {
    EXPECT_THROW(parse_pinnings(bad, sockets()), UsageError) << bad;
  }
}

}  // namespace
}  // namespace ryz
