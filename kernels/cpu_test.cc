#include "kernels/cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace ryz {
namespace {

TEST(Cpu, NamesParseBack) {
  const IsaSet all{kIsaAvx | kIsaAvx2 | kIsaFma | kIsaF16c | kIsaBmi | kIsaBmi2 | kIsaAvx512f |
                   kIsaAvx512bw | kIsaAvx512dq | kIsaAvx512vl | kIsaAvx512cd | kIsaAvx512vbmi |
                   kIsaAvx512vnni | kIsaGfni | kIsaAmxTile | kIsaAmxInt8};
  IsaSet seen;
  for (const std::string& name : isa_names(all)) {
    IsaSet one;
    ASSERT_TRUE(parse_isa(name, &one)) << name;
    EXPECT_EQ(isa_text(one), name);
    EXPECT_EQ(seen.bits & one.bits, 0u) << name;
    seen.bits |= one.bits;
  }
  EXPECT_EQ(seen, all);
}

TEST(Cpu, UnknownNamesDoNotParse) {
  IsaSet out{kIsaAvx};
  EXPECT_FALSE(parse_isa("avx1024", &out));
  EXPECT_FALSE(parse_isa("", &out));
  EXPECT_FALSE(parse_isa("AVX2", &out));
}

TEST(Cpu, TextOfNothingIsBaseline) {
  EXPECT_EQ(isa_text({}), "baseline");
  EXPECT_EQ(isa_text({kIsaAvx2 | kIsaFma}), "avx2 fma");
}

TEST(Cpu, SetArithmetic) {
  EXPECT_TRUE(contains({kIsaAvx | kIsaAvx2}, {kIsaAvx2}));
  EXPECT_FALSE(contains({kIsaAvx}, {kIsaAvx | kIsaAvx2}));
  EXPECT_TRUE(contains({}, {}));
  EXPECT_EQ(minus({kIsaAvx | kIsaAvx2}, {kIsaAvx2 | kIsaFma}), IsaSet{kIsaAvx});
}

TEST(Cpu, DependentsGoWithWhatTheyNeed) {
  EXPECT_TRUE(contains(with_dependents({kIsaAvx512f}),
                       {kIsaAvx512bw | kIsaAvx512dq | kIsaAvx512vl | kIsaAvx512vnni}));
  EXPECT_FALSE(contains(with_dependents({kIsaAvx512f}), {kIsaAvx2}));
  EXPECT_TRUE(contains(with_dependents({kIsaAvx2}), {kIsaFma | kIsaAvx512f | kIsaAvx512vnni}));
  EXPECT_FALSE(contains(with_dependents({kIsaAvx2}), {kIsaAvx}));
  EXPECT_TRUE(contains(with_dependents({kIsaAvx}), {kIsaAvx2 | kIsaAvx512f | kIsaF16c}));
  EXPECT_EQ(with_dependents({kIsaAvx512vnni}), IsaSet{kIsaAvx512vnni});
  EXPECT_EQ(with_dependents({kIsaAmxTile}), IsaSet{kIsaAmxTile | kIsaAmxInt8});
  EXPECT_EQ(with_dependents({}), IsaSet{});
}

TEST(Cpu, UsableIsWhatCpuAndOsShare) {
  EXPECT_EQ(usable_isa().bits, cpu_isa().bits & os_isa().bits & ~masked_isa().bits);
  EXPECT_TRUE(contains(cpu_isa(), usable_isa()));
#if defined(__GNUC__)
  EXPECT_EQ(contains(usable_isa(), {kIsaAvx2}), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(contains(usable_isa(), {kIsaAvx512f}), __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(contains(usable_isa(), {kIsaAvx512vnni}), __builtin_cpu_supports("avx512vnni") != 0);
#endif
}

TEST(Cpu, CoreIsWhatTheOperatingSystemSays) {
  std::ifstream info("/proc/cpuinfo");
  std::string vendor;
  int family = 0;
  for (std::string line; std::getline(info, line) && (vendor.empty() || family == 0);) {
    const std::size_t value = line.find(": ");
    if (value == std::string::npos) continue;
    if (line.starts_with("vendor_id")) vendor = line.substr(value + 2);
    if (line.starts_with("cpu family")) family = std::stoi(line.substr(value + 2));
  }
  if (vendor.empty()) GTEST_SKIP() << "no vendor in /proc/cpuinfo";
  constexpr int kZen5Family = 26;
  const Core amd = family >= kZen5Family ? Core::kZen5 : Core::kBeforeZen5;
  EXPECT_EQ(core(), vendor == "AuthenticAMD" ? amd : Core::kOther);
}

// Last: a mask lasts for the rest of the process.
TEST(CpuMask, OnlyRemoves) {
  const IsaSet before = usable_isa();
  mask_isa({kIsaAvx512vnni});
  EXPECT_EQ(usable_isa(), minus(before, {kIsaAvx512vnni}));
  mask_isa({kIsaAvx512f});
  EXPECT_EQ(usable_isa(), minus(before, with_dependents({kIsaAvx512f})));
  mask_isa({});
  EXPECT_EQ(usable_isa(), minus(before, with_dependents({kIsaAvx512f})));
  EXPECT_TRUE(contains(masked_isa(), {kIsaAvx512vnni | kIsaAvx512f}));
  EXPECT_TRUE(contains(before, usable_isa()));
}

}  // namespace
}  // namespace ryz
