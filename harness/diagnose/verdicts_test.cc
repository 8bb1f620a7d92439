#include "harness/diagnose/verdicts.h"

#include <gtest/gtest.h>

namespace ryz {
namespace {

using report::State;

report::Cell called_as_requested() {
  report::Cell cell;
  cell.id = "decode/a/b/s/t2";
  cell.threads = 2;
  cell.status = report::Status::kOk;
  cell.effective.isa_requested = {"avx2"};
  cell.effective.isa_called = {{"avx2", 10}};
  cell.effective.called_as_requested = true;
  cell.error.products_worst = 0.0;
  cell.error.products_median = 0.0;
  cell.error.logits = 0.0;
  cell.error.mismatches = 0;
  return cell;
}

MeasuredRatio measured(double ratio, double lo, double hi) {
  return {{ratio, lo, hi, 5}, {"x", "y"}};
}

TEST(JudgeSimd, NothingCalledIsUnknown) {
  report::Cell cell = called_as_requested();
  cell.effective.isa_called.clear();
  const report::Verdict v = judge_simd({.subject = &cell});
  EXPECT_EQ(v.state, State::kUnknown);
}

TEST(JudgeSimd, OtherCodeCalledIsNotDispatched) {
  report::Cell cell = called_as_requested();
  cell.effective.isa_called = {{"baseline", 10}};
  cell.effective.called_as_requested = false;
  const report::Verdict v = judge_simd({.subject = &cell, .over_scalar = measured(9, 8, 10)});
  EXPECT_EQ(v.state, State::kBlocked);
  EXPECT_EQ(v.code, "SIMD_NOT_DISPATCHED");
}

TEST(JudgeSimd, TheLowerBoundOfTheSpeedupDecides) {
  const report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_simd({.subject = &cell, .over_scalar = measured(1.5, 1.19, 2)}).code,
            "SIMD_NO_SPEEDUP");
  EXPECT_EQ(judge_simd({.subject = &cell, .over_scalar = measured(1.5, 1.21, 2)}).code, "OK");
}

TEST(JudgeSimd, AFasterExactKernelBlocksFromHalfAgain) {
  const report::Cell cell = called_as_requested();
  const auto judge = [&](double other) {
    return judge_simd({.subject = &cell,
                       .over_scalar = measured(5, 4, 6),
                       .other_over_subject = other,
                       .other_cell = "z"});
  };
  EXPECT_EQ(judge(1.49).code, "OK");
  EXPECT_EQ(judge(1.5).code, "SIMD_BELOW_CPU");
}

TEST(JudgeSimd, BaselineCodeNeedsNoSpeedupOverItself) {
  const report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_simd({.subject = &cell,
                        .over_scalar = measured(1, 1, 1),
                        .subject_is_baseline = true,
                        .other_over_subject = 1.0})
                .code,
            "OK");
}

TEST(JudgeSimd, WithoutAnythingToCompareItIsUnknown) {
  const report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_simd({.subject = &cell}).state, State::kUnknown);
}

TEST(JudgeEncoding, Codes) {
  report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_encoding(cell).code, "OK");
  cell.error.logits = 1e-9;
  EXPECT_EQ(judge_encoding(cell).code, "LOGITS_WRONG");
  cell.error.mismatches = 1;
  EXPECT_EQ(judge_encoding(cell).code, "PRODUCTS_WRONG");
  cell.error.non_finite = true;
  EXPECT_EQ(judge_encoding(cell).code, "NON_FINITE");
  cell.error = {};
  EXPECT_EQ(judge_encoding(cell).state, State::kUnknown);
}

TEST(JudgeEncoding, ACellThatTurnedOutWrongIsBlockedThoughItsKernelIsRight) {
  report::Cell cell = called_as_requested();
  cell.status = report::Status::kWrong;
  cell.status_reason = "logits differ";
  EXPECT_EQ(judge_encoding(cell).code, "LOGITS_WRONG");
}

TEST(JudgeThreading, OneThreadIsUnknown) {
  report::Cell cell = called_as_requested();
  cell.threads = 1;
  EXPECT_EQ(judge_threading({.subject = &cell, .is_repaired = true}).state, State::kUnknown);
}

TEST(JudgeThreading, BlockedFromFivePercentWithAnIntervalAboveOne) {
  const report::Cell cell = called_as_requested();
  const auto judge = [&](MeasuredRatio repaired) {
    return judge_threading({.subject = &cell, .repaired_over_subject = std::move(repaired)});
  };
  EXPECT_EQ(judge(measured(1.04, 1.03, 1.05)).state, State::kClear);
  EXPECT_EQ(judge(measured(1.20, 0.99, 1.40)).state, State::kClear);
  EXPECT_EQ(judge(measured(1.06, 1.01, 1.10)).code, "UNATTRIBUTED");
}

TEST(JudgeThreading, TheLargestCauseThatExcludesZeroIsNamed) {
  const report::Cell cell = called_as_requested();
  ThreadingEvidence e{.subject = &cell, .repaired_over_subject = measured(1.5, 1.4, 1.6)};
  e.faults.push_back({"GRAIN_TOO_FINE", "dynamic,1", measured(1.1, 1.05, 1.2)});
  e.faults.push_back({"LOCK_CONTENTION", "the pool", measured(1.3, 1.2, 1.4)});
  e.faults.push_back({"FALSE_SHARING", "shared lines", measured(1.9, 0.9, 2.0)});
  const report::Verdict v = judge_threading(e);
  EXPECT_EQ(v.state, State::kBlocked);
  EXPECT_EQ(v.code, "LOCK_CONTENTION");
  EXPECT_DOUBLE_EQ(*v.impact_ratio, 1.5);
}

TEST(JudgeThreading, WithoutTheRepairedScheduleItIsUnknown) {
  const report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_threading({.subject = &cell}).state, State::kUnknown);
}

TEST(JudgeThreading, NearTheRoofItIsBandwidthBound) {
  const report::Cell cell = called_as_requested();
  EXPECT_EQ(judge_threading({.subject = &cell, .is_repaired = true, .roof_ratio = 0.69}).code,
            "OK");
  EXPECT_EQ(judge_threading({.subject = &cell, .is_repaired = true, .roof_ratio = 0.71}).code,
            "BANDWIDTH_BOUND");
}

TEST(Verdicts, EveryOneStatesItsRuleAndEvidence) {
  const report::Cell cell = called_as_requested();
  for (const report::Verdict& v :
       {judge_simd({.subject = &cell, .over_scalar = measured(5, 4, 6)}), judge_encoding(cell),
        judge_threading({.subject = &cell, .is_repaired = true, .efficiency = 0.9})}) {
    EXPECT_FALSE(v.rule.empty()) << v.name;
    EXPECT_FALSE(v.evidence.empty()) << v.name;
    EXPECT_FALSE(v.summary.empty()) << v.name;
  }
}

}  // namespace
}  // namespace ryz
