// Each fault is put into what is executed, and the verdict that fires is its own. The scheduling
// faults sleep where real ones would only dawdle, so that what they cost is beyond the noise of any
// machine; no test here looks at a time.
#include "harness/diagnose/injected_faults.h"

#include <gtest/gtest.h>

#include "harness/diagnose/diagnose.h"
#include "harness/diagnose/kernel_probe.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

using report::Report;

// A table kernel that the bit flip can hit, and row tiles of one row where there are some.
std::vector<const Kernel*> subjects() {
  std::vector<const Kernel*> kernels;
  const Catalogue& catalogue = built_in_catalogue();
  for (const char* encoding : {"two-bit", "quint"}) {
    for (const char* name : {"avx2", "scalar"}) {
      const Kernel* k = catalogue.find_kernel(name, encoding);
      if (k != nullptr && why_not_runnable(*k).empty()) kernels.push_back(k);
    }
  }
  return kernels;
}

Report injected(const std::string& fault, std::vector<const Kernel*> kernels) {
  const Catalogue& catalogue = built_in_catalogue();
  LabOptions o;
  o.model = "tiny";
  o.ladder_model = "none";
  o.axes.kernels = std::move(kernels);
  o.axes.phases = {Phase::kDecode};
  o.axes.grains = {1};
  o.axes.threads = {1};
  o.run.rounds = 1;
  o.run.sample_ms = 0.5;
  o.quiet = true;
  o.roofs = false;
  o.fault = fault;
  o.self_test = true;
  o.run.execute = fault_execution(fault, catalogue);
  return run_diagnose(o, catalogue, {"ryz-lab", "diagnose"});
}

std::string code(const Report& report, const char* name) {
  for (const report::Verdict& v : report.verdicts) {
    if (v.name == name) return v.code;
  }
  return "none";
}

bool has_two_cores(const Report& report) { return report.machine.hard.cores_physical > 1; }

TEST(Faults, NoneChangesNothing) {
  EXPECT_FALSE(fault_execution("none", built_in_catalogue()));
  const Report report = injected("none", subjects());
  EXPECT_EQ(code(report, "encoding"), "OK");
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_TRUE(report.complete);
}

TEST(Faults, SimdOff) {
  std::vector<const Kernel*> simd;
  for (const Kernel* k : subjects()) {
    if (k->needs != IsaSet{}) simd.push_back(k);
  }
  if (simd.empty()) GTEST_SKIP() << "no SIMD kernel runs here";
  EXPECT_EQ(code(injected("simd-off", simd), "simd"), "SIMD_NOT_DISPATCHED");
}

TEST(Faults, WrongKernelsGetTheirOwnCodes) {
  EXPECT_EQ(code(injected("lut-bitflip", subjects()), "encoding"), "LUT_ENTRY_WRONG");
  EXPECT_EQ(code(injected("tail-bug", subjects()), "encoding"), "TAIL_K");
  const Report empty = injected("empty-kernel", subjects());
  EXPECT_EQ(code(empty, "encoding"), "OUTPUT_UNWRITTEN");
  EXPECT_EQ(empty.exit_code, 4);
}

TEST(Faults, Race) {
  const Report report = injected("race", subjects());
  if (!has_two_cores(report)) GTEST_SKIP() << "one core";
  EXPECT_EQ(code(report, "encoding"), "RACE");
  EXPECT_EQ(report.exit_code, 4);
}

TEST(Faults, SchedulingFaultsGetTheirOwnCodes) {
  const std::vector<const Kernel*> kernel{subjects().front()};
  for (const auto& [fault, expected] :
       {std::pair("lock", "LOCK_CONTENTION"), std::pair("imbalance", "IMBALANCE"),
        std::pair("fine-grain", "GRAIN_TOO_FINE")}) {
    const Report report = injected(fault, kernel);
    if (!has_two_cores(report)) GTEST_SKIP() << "one core";
    EXPECT_EQ(code(report, "threading"), expected) << fault;
    EXPECT_EQ(code(report, "encoding"), "OK") << fault;
  }
}

TEST(Faults, ExtraRowsIsSlowerAndRight) {
  const Report report = injected("extra-rows:50", subjects());
  EXPECT_EQ(code(report, "encoding"), "OK");
  EXPECT_EQ(report.exit_code, 0);
}

TEST(Faults, TheRequestStaysAsItWas) {
  const Report healthy = injected("none", subjects());
  const Report faulty = injected("lut-bitflip", subjects());
  ASSERT_EQ(healthy.cells.size(), faulty.cells.size());
  for (std::size_t i = 0; i < healthy.cells.size(); ++i) {
    EXPECT_EQ(healthy.cells[i].id, faulty.cells[i].id);
  }
}

TEST(Faults, UnknownNamesAreRefused) {
  for (const char* name : {"", "other", "extra-rows:", "extra-rows:x", "extra-rows:0"}) {
    EXPECT_THROW(fault_execution(name, built_in_catalogue()), std::invalid_argument) << name;
  }
  for (const std::string& name : fault_names()) {
    EXPECT_NO_THROW(fault_execution(name, built_in_catalogue())) << name;
  }
}

TEST(KernelProbe, EveryExactKernelIsRightAlone) {
  for (const Kernel* k : built_in_catalogue().kernels) {
    if (!k->encoding->exact || !why_not_runnable(*k).empty()) continue;
    const KernelFacts facts = probe_kernel(*k);
    EXPECT_EQ(facts.unwritten + facts.wrong_whole + facts.wrong_batch + facts.wrong_ragged, 0u)
        << k->name << "/" << k->encoding->name;
  }
}

}  // namespace
}  // namespace ryz
