// The facts of a report must be in what people read of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "reports/render/compare_text.h"
#include "reports/render/csv.h"
#include "reports/render/github.h"
#include "reports/render/markdown.h"
#include "reports/render/text.h"
#include "reports/sample_report.h"

namespace ryz::report {
namespace {

constexpr TextOptions kPlain{80, false, false};

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
  }
}

void expect_terminal(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), width) << line;
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= 32 && c < 127; }))
        << line;
  }
}

// Everything at its longest.
Report wide_report() {
  Report r = sample_report();
  for (Cell& cell : r.cells) {
    cell.kernel += "-with-a-long-name";
    cell.encoding += "-and-another-one";
    cell.error.products_worst = 1.2e-5;
  }
  for (const unsigned threads : {2u, 3u, 8u, 16u, 64u}) {
    Cell cell = r.cells[5];
    cell.threads = threads;
    cell.id = "decode/k/e/s4/t" + std::to_string(threads) + std::string(100, 'x');
    r.cells.push_back(cell);
  }
  for (LadderStage& stage : r.ladder) {
    stage.title += std::string(60, 'y');
    stage.tok_per_s = 123456.7;
  }
  r.ladder[0].verdicts[0].code = "SIMD_NOT_DISPATCHED_AND_MORE_OF_THAT_KIND";
  r.machine.hard.cpu_model_name = "Prozessor\u2122 \x1b[31m" + std::string(90, 'z');
  r.faults[0].status = Status::kFailed;
  r.faults[0].status_reason = std::string(120, 'w');
  r.warnings.emplace_back(200, 'v');
  return r;
}

TEST(RenderText, ShowsWhatTheReportFound) {
  expect_all(render_text(sample_report(), kPlain),
             {"Intel(R) Xeon(R) Platinum 8481C",
              "key 7c1e5d20",
              "4 cores/8 threads",
              "10 cells (8 ok, 1 wrong, 1 skipped) x 10 rounds",
              "3 kernel/encoding pairs, 2 run",
              "known wrong: sign-bits",
              "1.51 GB",
              "41.25 at t=4",
              "decode: tok/s",
              "prefill: tok/s",
              "133.7 +-0.3%",
              "avx512-gather/sign-bits",
              "wrong",
              "310%",
              "not measured",
              "this machine has 4 cores",
              "3.22x",
              "LADDER",
              "0.42",
              "WRONG",
              "dynamic,1",
              "1.35x",
              "[1.31, 1.40]",
              "BLOCKED",
              "SIGN_BITS",
              "next: use bit-planes",
              "fail-under: pass",
              "prefill: not measured",
              "load 0.25"});
}

TEST(RenderText, TheFullViewNamesEvidenceAndRule) {
  expect_all(render_text(sample_report(), {200, false, true}),
             {"paired speed-up over scalar at one thread: 10.12", "decode/avx512-vbmi/quad/s4/t1",
              "rule: called = requested"});
}

TEST(RenderText, AWrongCellShowsNoSpeedAndASkippedOneNoRow) {
  const std::string text = render_text(sample_report(), {200, false, false});
  const std::size_t line = text.find("  avx512-gather/sign-bits");
  ASSERT_NE(line, std::string::npos);
  EXPECT_EQ(text.substr(line, text.find('\n', line) - line).find("+-"), std::string::npos);
  EXPECT_EQ(text.find("avx512-vnni/two-bit"), std::string::npos);
}

TEST(RenderText, StaysWithinTheWidth) {
  for (const std::size_t width : {60u, 80u, 100u, 132u, 200u}) {
    for (const bool all : {false, true}) {
      expect_terminal(render_text(sample_report(), {width, false, all}), width);
      expect_terminal(render_text(wide_report(), {width, false, all}), width);
    }
    expect_terminal(render_catalogue(sample_report().catalogue, {width, false, true}), width);
    expect_terminal(render_machine(wide_report().machine, {width, false, true}), width);
  }
}

TEST(RenderText, NeighbouringPointsThatWereNotMeasuredShareALine) {
  Report r = sample_report();
  auto& points = r.curves[0].points;
  points.resize(3);  // the last one is not measured
  points.push_back({9, "not_measured", points[2].reason, "", {}, {}, {}});
  points.push_back({16, "not_measured", "not asked for", "", {}, {}, {}});
  const std::string text = render_text(r, kPlain);
  expect_all(text, {"8-9  not measured", "16  not measured"});
}

TEST(RenderText, AnEmptyReportIsNoTrouble) {
  expect_terminal(render_text(Report(), kPlain), 80);
  EXPECT_NE(render_text(Report(), kPlain).find("INCOMPLETE"), std::string::npos);
  EXPECT_FALSE(render_markdown(Report()).empty());
}

TEST(RenderText, ColorOnlyWhenAsked) {
  EXPECT_EQ(render_text(wide_report(), kPlain).find('\x1b'), std::string::npos);
  EXPECT_NE(render_text(sample_report(), {80, true, false}).find("\x1b[31m"), std::string::npos);
}

TEST(RenderCatalogue, ListsEveryPair) {
  expect_all(render_catalogue(sample_report().catalogue, kPlain),
             {"avx512-vbmi", "quad", "needs avx512vnni", "one sign bit of each activation", "WRONG",
              "20.2 KiB"});
}

CompareResult sample_comparison(bool same_machine) {
  const Report base = sample_report();
  Report fresh = base;
  scale_speed(cell_of(fresh, kSampleFast), 0.9);
  fresh.machine.soft.kernel = "6.1.0-19-amd64";
  if (!same_machine) fresh.machine.hard.cpu_model = 97;
  return compare(base, fresh, {});
}

TEST(RenderCompare, NamesCellChangeAndReason) {
  const std::string text = render_text(sample_comparison(true), kPlain);
  expect_all(text, {"REGRESSED", kSampleFast, "133.7 -> 120.3 tok/s", "-10.0%", "clear",
                    "kernel: 6.1.0-18-amd64 -> 6.1.0-19-amd64", "1 regressed", "7 same"});
  expect_terminal(text, 80);
  EXPECT_EQ(text.find("SAME"), std::string::npos);
  expect_all(render_text(sample_comparison(true), {80, false, true}), {"SAME"});
}

TEST(RenderCompare, IncomparableReportsShowKeysNotSpeeds) {
  const std::string text = render_text(sample_comparison(false), kPlain);
  expect_all(text, {"cpu_model: 143 -> 97", "not comparable", "--allow cpu_model",
                    "gate: not applied to 10 cells"});
  EXPECT_EQ(text.find("1 regressed"), std::string::npos);
  EXPECT_EQ(text.find("REGRESSED"), std::string::npos);
  expect_terminal(text, 80);
}

TEST(RenderMarkdown, ReportHoldsTheFacts) {
  expect_all(render_markdown(sample_report()),
             {"## ryz-lab diagnose: blocked", "| avx512-vbmi/quad | s4 |", "SIGN\\_BITS",
              "not measured", "### Ladder", "| 0.42 |"});
}

TEST(RenderMarkdown, CommentHasTheMarkerAndTheWorstFirst) {
  const Report fresh = sample_report();
  const std::string text = render_markdown(sample_comparison(true), &fresh);
  EXPECT_EQ(text.rfind(kCommentMarker, 0), 0u);
  expect_all(text, {"### ryz-lab: 1 regression (gate 8 cells, machine 7c1e5d20)", "REGRESSED",
                    "**SIGN\\_BITS**", "<details>", "</details>"});
  EXPECT_LT(text.find("REGRESSED"), text.find("<details>"));
  expect_all(render_markdown(sample_comparison(false)), {"not comparable", "--allow cpu_model"});
}

TEST(RenderText, TwoModelsHaveTablesOfTheirOwn) {
  Report r = sample_report();
  r.models.push_back(r.models[0]);
  r.models[1].source = "bitnet-2b4t";
  for (Cell& c : r.cells) c.model.clear();
  for (Curve& c : r.curves) c.model.clear();
  Cell ladder = cell_of(r, kSampleFast);
  ladder.model = "bitnet-2b4t";
  ladder.id += "@model=bitnet-2b4t";
  scale_speed(ladder, 0.1);
  r.cells.push_back(ladder);
  const std::string text = render_text(r, kPlain);
  expect_all(text, {"decode on mini: tok/s", "decode on bitnet-2b4t: tok/s",
                    "prefill on mini: tok/s", "decode on mini: scaling of"});
  EXPECT_EQ(text.find("quad @"), std::string::npos) << text;
}

TEST(RenderText, AFaultsControlIsNotTheKernelsBest) {
  Report r = sample_report();
  Cell control = cell_of(r, kSampleFast);
  control.axes["control"] = "all";
  control.id += "@control=all";
  scale_speed(control, 7.0);
  r.cells.push_back(control);
  EXPECT_EQ(render_text(r, kPlain).find("935.9 +-"), std::string::npos);
  expect_all(render_text(r, kPlain), {"133.7 +-"});
}

TEST(RenderText, OfTheCurvesTheOneWithMostMeasuredPointsIsShown) {
  Report r = sample_report();
  Curve lone = r.curves[0];
  lone.kernel = "lone";
  lone.points[0] = {1, "not_measured", "not asked for", "", {}, {}, {}};
  lone.points[1].tok_per_s = 1e4;
  r.curves.insert(r.curves.begin(), lone);
  const std::string text = render_text(r, kPlain);
  EXPECT_EQ(text.find("scaling of lone"), std::string::npos);
  expect_all(text, {"scaling of avx512-vbmi/quad"});
}

TEST(RenderGithub, OneCommandAFinding) {
  const std::string text = render_github(sample_comparison(true));
  expect_all(text, {std::string("::error title=ryz-lab%3A REGRESSED::") + kSampleFast, "-10.0%25",
                    "::error title=ryz-lab%3A regressed::gate: 8 of 10 cells"});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  const std::string elsewhere = render_github(sample_comparison(false));
  expect_all(elsewhere, {"::error title=ryz-lab%3A not comparable::cpu_model: 143 -> 97"});
  EXPECT_EQ(elsewhere.find("REGRESSED"), std::string::npos);
}

TEST(RenderMarkdown, CommentStaysBelowTheLimit) {
  Report base = sample_report();
  const Cell pattern = cell_of(base, kSampleFast);
  for (int i = 0; i < 3000; ++i) {
    Cell cell = pattern;
    cell.id = "decode/k" + std::to_string(i) + "/quad/s4/t4";
    base.cells.push_back(cell);
  }
  Report fresh = base;
  for (std::size_t i = 0; i < 1500; ++i) scale_speed(fresh.cells[12 + i], 0.8);
  fresh.tool.git_sha = "other";
  for (int i = 0; i < 1000; ++i) fresh.cells.push_back(pattern);  // as many warnings
  const std::string text = render_markdown(compare(base, fresh, {}), &fresh);
  EXPECT_LT(text.size(), kMaxCommentBytes);
  expect_all(text, {"1500 regressions", "did not fit", "</details>"});
}

TEST(RenderCsv, OneLineACell) {
  Report r = sample_report();
  r.cells[0].status_reason = "a \"quoted\", reason";
  const std::string text = render_csv(r);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
  EXPECT_EQ(text.rfind("id,phase,kernel,", 0), 0u);
  expect_all(text, {"\"a \"\"quoted\"\", reason\"", kSampleFast});
}

}  // namespace
}  // namespace ryz::report
