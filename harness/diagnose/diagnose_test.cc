// The whole job on `tiny`, with catalogues that hold kernels of ours: wrong ones, ones that run
// other code than they ask for, ones under other names. Nothing here looks at how long it took.
#include "harness/diagnose/diagnose.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/cpu.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

using report::Cell;
using report::Report;
using report::Status;

LabOptions tiny_options(const Catalogue& catalogue) {
  LabOptions o;
  o.model = "tiny";
  o.axes.kernels = catalogue.kernels;
  o.axes.grains = {1};
  o.axes.threads = {1};
  o.run.rounds = 1;
  o.run.sample_ms = 0.01;
  o.run.prefill_tokens = 3;
  o.quiet = true;
  o.roofs = false;
  return o;
}

Report diagnose(const Catalogue& catalogue, const LabOptions& options) {
  return run_diagnose(options, catalogue, {"ryz-lab", "diagnose"});
}

const Kernel& real(const char* name, const char* encoding) {
  return *built_in_catalogue().find_kernel(name, encoding);
}

const report::Verdict* find(const std::vector<report::Verdict>& verdicts, const char* name) {
  for (const report::Verdict& v : verdicts) {
    if (v.name == name) return &v;
  }
  return nullptr;
}

const Cell* find_cell(const Report& report, const std::string& id) {
  for (const Cell& c : report.cells) {
    if (c.id == id) return &c;
  }
  return nullptr;
}

void off_by_one(const PackedView& w, const Activations& a, const void* table, RowRange rows,
                std::int32_t* out, std::size_t stride) noexcept {
  real("scalar", "two-bit").multiply(w, a, table, rows, out, stride);
  if (rows.begin == 0) out[0] += 1;
}

TEST(Diagnose, AHealthyCatalogueHasNoWrongExactCellAndAllFields) {
  const Catalogue& catalogue = built_in_catalogue();
  const Report report = diagnose(catalogue, tiny_options(catalogue));
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_EQ(report.cells.size() > 2 * catalogue.kernels.size(), true);
  std::size_t ok = 0;
  for (const Cell& c : report.cells) {
    EXPECT_NE(c.status, Status::kFailed) << c.id << ": " << c.status_reason;
    if (c.known_wrong && c.status != Status::kSkipped) {
      EXPECT_EQ(c.status, Status::kWrong) << c.id;
      EXPECT_FALSE(c.tok_per_s.has_value()) << c.id;
      EXPECT_GT(c.error.products_worst.value_or(0.0), 0.1) << c.id;
      EXPECT_GT(c.error.activation_rms.value_or(0.0), 0.0) << c.id;
    }
    if (!c.known_wrong && c.status != Status::kSkipped) {
      EXPECT_EQ(c.status, Status::kOk) << c.id << ": " << c.status_reason;
      EXPECT_EQ(c.error.products_worst, 0.0) << c.id;
      EXPECT_EQ(c.error.logits.value_or(0.0), 0.0) << c.id;
      EXPECT_TRUE(c.tok_per_s.has_value()) << c.id;
      EXPECT_FALSE(c.samples.empty()) << c.id;
      EXPECT_TRUE(c.effective.called_as_requested) << c.id;
      ++ok;
    }
  }
  EXPECT_GT(ok, 0U);
  EXPECT_FALSE(report.curves.empty());
  EXPECT_EQ(report.verdicts.size(), 3U);
  EXPECT_EQ(find(report.verdicts, "encoding")->code, "OK");
  EXPECT_EQ(report.gates.size(), 1U);
  EXPECT_EQ(report.gates[0].state, "not_measured");  // tiny is not bitnet-2b4t
  // What was written can be read back as the same document.
  const std::string json = report::to_json(report);
  EXPECT_EQ(report::to_json(report::from_json(json, "test")), json);
}

TEST(Diagnose, LadderStagesCarryTheirOwnVerdicts) {
  const Catalogue& catalogue = built_in_catalogue();
  LabOptions options = tiny_options(catalogue);
  options.axes.kernels = {&real("scalar", "two-bit")};
  const Report report = diagnose(catalogue, options);
  std::vector<int> stages;
  for (const report::LadderStage& s : report.ladder) {
    stages.push_back(s.stage);
    if (s.status == Status::kSkipped) continue;
    const report::Verdict* encoding = find(s.verdicts, "encoding");
    ASSERT_NE(encoding, nullptr);
    if (s.stage == 1 || s.stage == 2) {
      EXPECT_EQ(s.status, Status::kWrong);
      EXPECT_EQ(encoding->code, "PRODUCTS_WRONG");
      EXPECT_TRUE(s.tok_per_s.has_value()) << "the ladder shows what a wrong stage ran at";
    }
    if (s.stage == 1) {
      EXPECT_EQ(find(s.verdicts, "simd")->code, "SIMD_NOT_DISPATCHED");
    }
    if (s.stage == 2) {
      EXPECT_NE(find(s.verdicts, "simd")->code, "SIMD_NOT_DISPATCHED");
    }
    if (s.stage == 3 || s.stage == 5) {
      EXPECT_EQ(encoding->code, "OK");
    }
  }
  for (int stage = 0; stage <= 5; ++stage) {
    EXPECT_NE(std::count(stages.begin(), stages.end(), stage), 0) << stage;
  }
}

TEST(Diagnose, AKernelWrongInOneElementIsWrongAndHasNoSpeed) {
  const Kernel wrong{.name = "wrong",
                     .encoding = real("scalar", "two-bit").encoding,
                     .needs = {},
                     .table_bytes = nullptr,
                     .build = nullptr,
                     .multiply = off_by_one};
  Catalogue catalogue = built_in_catalogue();
  catalogue.kernels.push_back(&wrong);
  LabOptions options = tiny_options(catalogue);
  options.axes.kernels = {&wrong, &real("scalar", "two-bit")};
  options.ladder_model = "none";
  const Report report = diagnose(catalogue, options);
  EXPECT_EQ(report.exit_code, 4);
  EXPECT_EQ(report.verdict, "wrong");
  for (const char* phase : {"decode", "prefill"}) {
    const Cell* cell = find_cell(report, std::string(phase) + "/wrong/two-bit/g1/t1");
    ASSERT_NE(cell, nullptr);
    EXPECT_EQ(cell->status, Status::kWrong);
    EXPECT_FALSE(cell->tok_per_s.has_value());
    EXPECT_GT(cell->error.mismatches.value_or(0), 0U);
    EXPECT_NE(find_cell(report, std::string(phase) + "/scalar/two-bit/g1/t1")->status,
              Status::kWrong);
  }
}

// A kernel that says it is compiled for `claimed` but runs baseline code.
Kernel impostor(const char* name, IsaSet claimed) {
  Kernel k = real("scalar", "two-bit");
  k.name = name;
  k.needs = claimed;
  return k;
}

TEST(Diagnose, AskingForAvx512AndRunningScalarCodeIsNotDispatched) {
  const IsaSet claimed = real("avx512-vnni", "two-bit").needs;
  const Kernel fake = impostor("avx512-vnni", claimed);
  if (!why_not_runnable(fake).empty()) GTEST_SKIP() << why_not_runnable(fake);
  Catalogue catalogue{{fake.encoding}, {&fake}};
  const Report report = diagnose(catalogue, tiny_options(catalogue));
  const Cell* cell = find_cell(report, "decode/avx512-vnni/two-bit/g1/t1");
  ASSERT_NE(cell, nullptr);
  EXPECT_FALSE(cell->effective.called_as_requested);
  EXPECT_EQ(cell->effective.isa_called.count("baseline"), 1U);
  ASSERT_NE(find(report.verdicts, "simd"), nullptr);
  EXPECT_EQ(find(report.verdicts, "simd")->code, "SIMD_NOT_DISPATCHED");
}

TEST(Diagnose, NamesDecideNothing) {
  const IsaSet claimed = real("avx512-vnni", "two-bit").needs;
  const Kernel fake = impostor("avx512-vnni", claimed);
  if (!why_not_runnable(fake).empty()) GTEST_SKIP() << why_not_runnable(fake);
  Encoding renamed_encoding = *fake.encoding;
  renamed_encoding.name = "zork";
  Kernel renamed = fake;
  renamed.name = "scalar";  // the most misleading name there is
  renamed.encoding = &renamed_encoding;
  const Catalogue before{{fake.encoding}, {&fake}};
  const Catalogue after{{renamed.encoding}, {&renamed}};
  const Report a = diagnose(before, tiny_options(before));
  const Report b = diagnose(after, tiny_options(after));
  ASSERT_EQ(a.verdicts.size(), b.verdicts.size());
  ASSERT_EQ(a.verdicts.size(), 3U);
  for (std::size_t i = 0; i < a.verdicts.size(); ++i) {
    if (a.verdicts[i].name == "threading") continue;  // timed: two runs may differ
    EXPECT_EQ(a.verdicts[i].code, b.verdicts[i].code) << a.verdicts[i].name;
    EXPECT_EQ(a.verdicts[i].state, b.verdicts[i].state) << a.verdicts[i].name;
  }
}

TEST(Diagnose, AKernelThatCannotRunIsAVisibleSkip) {
  Kernel absent = real("scalar", "two-bit");
  absent.name = "absent";
  absent.needs = {1U << 31};
  const Catalogue catalogue{{absent.encoding}, {&absent, &real("scalar", "two-bit")}};
  LabOptions options = tiny_options(catalogue);
  options.ladder_model = "none";
  const Report report = diagnose(catalogue, options);
  const Cell* cell = find_cell(report, "decode/absent/two-bit/g1/t1");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->status, Status::kSkipped);
  EXPECT_NE(cell->status_reason.find("needs"), std::string::npos);
}

TEST(Diagnose, AnInterruptedRunKeepsEveryCell) {
  const Catalogue& catalogue = built_in_catalogue();
  LabOptions options = tiny_options(catalogue);
  int asked = 0;
  options.run.stop = [&asked] { return ++asked > 5; };
  const Report report = diagnose(catalogue, options);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.exit_code, 130);
  EXPECT_GE(report.cells.size(), 2 * catalogue.kernels.size());
  for (const Cell& c : report.cells) {
    if (c.samples.empty()) {
      EXPECT_FALSE(c.status_reason.empty()) << c.id;
    }
  }
}

TEST(Sweep, HasNoLadderAndNoVerdict) {
  const Catalogue& catalogue = built_in_catalogue();
  LabOptions options = tiny_options(catalogue);
  options.axes.kernels = {&real("scalar", "quint")};
  options.axes.grains = {1, 4};
  const Report report = run_sweep(options, catalogue, {"ryz-lab", "sweep"});
  EXPECT_EQ(report.cells.size(), 4U);
  EXPECT_TRUE(report.ladder.empty());
  EXPECT_EQ(report.exit_code, 0);
}

}  // namespace
}  // namespace ryz
