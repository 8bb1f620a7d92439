// Each fault is put into what is executed, and the verdict that fires is its own. The scheduling
// faults sleep where real ones would only dawdle, so that what they cost is beyond the noise of any
// machine; no test here looks at a time.
#include "harness/diagnose/injected_faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

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

std::string summary(const Report& report, const char* name) {
  std::string text;
  for (const report::Verdict& v : report.verdicts) {
    if (v.name != name) continue;
    text += v.summary;
    for (const report::Evidence& e : v.evidence) {
      text += "\n  " + e.fact + ": " + (e.value ? std::to_string(*e.value) : "-");
    }
  }
  return text;
}

// Where the threads of the cell ran that the verdict is about.
report::Effective subject_of(const Report& report) {
  for (const report::Cell& c : report.cells) {
    if (c.axes.count("control") == 0 && c.threads > 1) return c.effective;
  }
  return {};
}

bool has_two_cores(const Report& report) { return report.machine.hard.cores_physical > 1; }

TEST(Faults, NoneChangesNothing) {
  EXPECT_FALSE(fault_execution("none", built_in_catalogue()));
  const Report report = injected("none", subjects());
  EXPECT_EQ(code(report, "encoding"), "OK");
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_TRUE(report.complete);
}

// Somebody else's work can slow some of these cells and not others; hardly thrice in a row.
TEST(Faults, WithNoneTheThreadsAreClear) {
  std::string seen;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const Report report = injected("none", {subjects().front()});
    if (!has_two_cores(report)) GTEST_SKIP() << "one core";
    const std::string is = code(report, "threading");
    if (is == "OK" || is == "BANDWIDTH_BOUND") return;
    seen += is + ": " + summary(report, "threading") + "\n";
  }
  FAIL() << seen;
}

// Also beside cells that asked for the scalar code that all of them run.
TEST(Faults, SimdOff) {
  const std::vector<const Kernel*> all = subjects();
  const auto needs_more = [](const Kernel* k) { return k->needs != IsaSet{}; };
  if (std::none_of(all.begin(), all.end(), needs_more)) GTEST_SKIP() << "no SIMD kernel runs here";
  const Report report = injected("simd-off", all);
  EXPECT_EQ(code(report, "simd"), "SIMD_NOT_DISPATCHED") << summary(report, "simd");
  EXPECT_EQ(code(report, "encoding"), "OK");
}

TEST(Faults, WrongKernelsGetTheirOwnCodes) {
  EXPECT_EQ(code(injected("lut-bitflip", subjects()), "encoding"), "LUT_ENTRY_WRONG");
  EXPECT_EQ(code(injected("tail-bug", subjects()), "encoding"), "TAIL_K");
  const Report empty = injected("empty-kernel", subjects());
  EXPECT_EQ(code(empty, "encoding"), "OUTPUT_UNWRITTEN");
  EXPECT_EQ(empty.exit_code, 4);
}

TEST(Faults, ABitFlipNeedsATableAndTheHybridHasNoneForOneToken) {
  const Kernel* hybrid = built_in_catalogue().find_kernel("avx512-hybrid", "two-bit-x32");
  if (hybrid == nullptr || !why_not_runnable(*hybrid).empty()) GTEST_SKIP() << "not here";
  EXPECT_FALSE(injected("lut-bitflip", {hybrid}).cells.empty());
}

TEST(Faults, Race) {
  const Report report = injected("race", subjects());
  if (!has_two_cores(report)) GTEST_SKIP() << "one core";
  EXPECT_EQ(code(report, "encoding"), "RACE");
  EXPECT_EQ(report.exit_code, 4);
}

// Where every access is checked, three of the faults take minutes together, and run no code that
// the others do not.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// A fault, and the one code that names it.
class SchedulingFaults : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(SchedulingFaults, AreNamedByTheirOwnCode) {
  const auto [fault, expected] = GetParam();
  const std::string name = fault;
  if (kSanitized && (name == "fine-grain" || name == "unpinned" || name == "oversubscribe")) {
    GTEST_SKIP() << "minutes under a sanitizer";
  }
  Report report = injected(fault, {subjects().front()});
  if (!has_two_cores(report)) GTEST_SKIP() << "one core";
  // A disturbed machine may hide a cause, and that none is named is then right; another's name is
  // wrong at once.
  for (int more = 2; more > 0 && code(report, "threading") == "UNATTRIBUTED"; --more) {
    report = injected(fault, {subjects().front()});
  }
  EXPECT_EQ(code(report, "threading"), expected) << summary(report, "threading");
  EXPECT_EQ(code(report, "encoding"), "OK");
  EXPECT_EQ(code(report, "simd"), "OK") << summary(report, "simd");
  EXPECT_EQ(report.exit_code, 0);
  // What ran is read back, not taken from what was asked for.
  const std::size_t threads = report.machine.hard.cores_physical;
  const report::Effective ran = subject_of(report);
  EXPECT_EQ(ran.cpus.size(), name == "oversubscribe" ? 4 * threads : threads);
  EXPECT_EQ(ran.pinned, name != "oversubscribe" && name != "unpinned");
}

INSTANTIATE_TEST_SUITE_P(, SchedulingFaults,
                         testing::Values(std::pair("lock", "LOCK_CONTENTION"),
                                         std::pair("imbalance", "IMBALANCE"),
                                         std::pair("fine-grain", "GRAIN_TOO_FINE"),
                                         std::pair("false-sharing", "FALSE_SHARING"),
                                         std::pair("serial-part", "SERIAL_PART"),
                                         std::pair("oversubscribe", "OVERSUBSCRIBED"),
                                         std::pair("unpinned", "UNPINNED")),
                         [](const auto& named) {
                           std::string name = named.param.first;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Faults, ExtraRowsIsSlowerAndRight) {
  const Report report = injected("extra-rows:50", subjects());
  EXPECT_EQ(code(report, "encoding"), "OK");
  EXPECT_EQ(report.exit_code, 0);
}

TEST(Faults, TheRequestStaysAsItWas) {
  // Those that were asked for; the others are of whichever kernel was the fastest right one.
  const auto requested = [](const Report& report) {
    std::vector<std::string> ids;
    for (const report::Cell& c : report.cells) {
      const std::string suffix = "/g1/t1";
      if (c.id.size() > suffix.size() &&
          c.id.compare(c.id.size() - suffix.size(), suffix.size(), suffix) == 0) {
        ids.push_back(c.id);
      }
    }
    return ids;
  };
  const std::vector<std::string> healthy = requested(injected("none", subjects()));
  EXPECT_EQ(healthy, requested(injected("lut-bitflip", subjects())));
  EXPECT_EQ(healthy.size(), subjects().size());
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
