// The documents for other readers than a terminal: HTML (its data; html/browser_test.py has the
// page), JUnit, the log of repairs, the short form for an issue.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "reports/files.h"
#include "reports/render/answers.h"
#include "reports/render/fix_log.h"
#include "reports/render/html.h"
#include "reports/render/junit.h"
#include "reports/render/markdown.h"
#include "reports/sample_report.h"

namespace ryz::report {
namespace {

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
  }
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string all_answers(const Report& report) {
  std::string text;
  for (const Answer& a : answers(report))
    text += a.question + " [" + a.state + "] " + a.answer + "\n";
  return text;
}

// ---- answers -----------------------------------------------------------------------------------
TEST(Answers, SayWhatRanIsItRightHowFastAndWhatNext) {
  expect_all(all_answers(sample_report()),
             {"Which kernel ran? [clear] The one requested: kernel avx512-vbmi on encoding quad",
              "12345 calls of code compiled for", "Is it right? [blocked]",
              "known to be wrong and kept as examples (sign-bits)", "tok/s decode on mini",
              "What holds it back? [blocked]", "1.50 times as fast without it",
              "Not known: threading", "1) Use bit-planes.", "2) Run with --threads 1-phys."});
}

TEST(Answers, WhereNothingIsBlockedSayHowNearTheLimitsAre) {
  Report r = sample_report();
  for (Verdict& v : r.verdicts) v.state = State::kClear;
  expect_all(all_answers(r), {"None of the three suspected blockers", "41% of the read bandwidth",
                              "20% of the int8 multiply-adds", "neither is its limit"});
  for (Cell& c : r.cells) {
    if (c.roofline) c.roofline->bound = "memory";
  }
  expect_all(all_answers(r), {"memory is the limit that is left"});
  for (Cell& c : r.cells) {
    if (!c.roofline) continue;
    c.roofline->bound = "overhead";
    c.roofline->roof_ratio.reset();
  }
  const std::string text = all_answers(r);
  expect_all(text,
             {"the last-level cache has room for (memory gave", "arithmetic is not its limit"});
  EXPECT_EQ(text.find("of the read bandwidth"), std::string::npos);
}

TEST(Answers, NameTheSilentFallback) {
  Report r = sample_report();
  for (Cell& c : r.cells) c.effective.called_as_requested = false;
  expect_all(all_answers(r), {"NOT the one requested", "is code for avx512f"});
}

TEST(Answers, ClaimNothingThatIsNotThere) {
  const std::string text = all_answers(Report());
  expect_all(text, {"No cell of this report has a speed", "not compared with the naive product",
                    "No speed was measured", "gives no verdicts"});
  EXPECT_EQ(text.find("[clear]"), std::string::npos);
}

TEST(Answers, AWrongCellThatShouldBeRightBlocks) {
  Report r = sample_report();
  r.verdicts[1] = {};
  r.verdicts[1].name = "encoding";
  r.verdicts[1].state = State::kClear;
  cell_of(r, "decode/avx2/quad/s4/t4").status = Status::kWrong;
  cell_of(r, "decode/avx2/quad/s4/t4").tok_per_s.reset();
  expect_all(all_answers(r), {"Is it right? [blocked]", "1 cell gave wrong results",
                              "Find out why decode/avx2/quad/s4/t4 is wrong"});
}

TEST(Answers, WhatIsClearStillSaysWhatWouldHelp) {
  Report r = sample_report();
  for (Verdict& v : r.verdicts) {
    v.state = State::kClear;
    v.next_step.clear();
  }
  EXPECT_EQ(all_answers(r).find("Nothing blocks it"), std::string::npos);
  r.verdicts[2].next_step = "fewer bytes a token would help";
  expect_all(all_answers(r), {"Nothing blocks it; fewer bytes a token would help."});
  r.verdicts[1].state = State::kBlocked;
  r.verdicts[1].next_step = "use bit-planes";
  EXPECT_EQ(all_answers(r).find("fewer bytes"), std::string::npos);
}

TEST(Answers, WideIntervalsAreCalledNoise) {
  Report r = sample_report();
  for (Cell& c : r.cells) {
    if (c.tok_per_s) c.tok_per_s->ci_hi = 1.5 * c.tok_per_s->median;
  }
  expect_all(all_answers(r), {"noisy", "+-50%", "more --rounds"});
}

// ---- HTML --------------------------------------------------------------------------------------
nlohmann::json data_of(const Report& report) {
  return nlohmann::json::parse(page_data(report, nullptr));
}

TEST(RenderHtml, HoldsEveryPartOnceAndAsksForNothingElse) {
  const std::string html = render_html(sample_report());
  EXPECT_EQ(html.rfind("<!DOCTYPE html>", 0), 0U);
  expect_all(html, {std::string(page_style()), std::string(page_script()),
                    std::string(chart_library()), page_data(sample_report(), nullptr)});
  for (const char* mark : {"@@page.css@@", "@@data@@", "@@chart.js@@", "@@page.js@@"}) {
    EXPECT_EQ(html.find(mark), std::string::npos) << mark;
  }
  for (const char* fetching : {" src=\"http", " href=\"http", "@import", "fetch("}) {
    EXPECT_EQ(std::string(page_template()).find(fetching), std::string::npos) << fetching;
    EXPECT_EQ(std::string(page_script()).find(fetching), std::string::npos) << fetching;
    EXPECT_EQ(std::string(page_style()).find(fetching), std::string::npos) << fetching;
  }
}

TEST(RenderHtml, NothingInAReportEndsTheElementThatHoldsIt) {
  Report r = sample_report();
  const std::string bad = "</script><!--<script>@@page.js@@\xff";
  r.command = bad;
  r.cells[0].id = bad;
  r.verdicts[0].summary = bad;
  const std::string data = page_data(r, nullptr);
  EXPECT_EQ(data.find('<'), std::string::npos);
  EXPECT_EQ(data_of(r)["report"]["command"], "</script><!--<script>@@page.js@@\xef\xbf\xbd");
  EXPECT_EQ(count(render_html(r), "</script>"), count(render_html(sample_report()), "</script>"));
}

TEST(RenderHtml, AWrongCellHasNoSpeedThere) {
  Report r = sample_report();
  Cell& wrong = cell_of(r, kSampleFast);
  wrong.status = Status::kWrong;  // and, as no report should, still with a speed
  const nlohmann::json cells = data_of(r)["report"]["cells"];
  for (std::size_t i = 0; i < r.cells.size(); ++i) {
    EXPECT_EQ(cells[i][12].is_array(), r.cells[i].status == Status::kOk) << r.cells[i].id;
  }
}

TEST(RenderHtml, CellsOfARunShareTheirTexts) {
  Report r = sample_report();
  const std::size_t before = data_of(r)["strings"].size();
  Cell c = cell_of(r, kSampleFast);
  for (unsigned grain = 5; grain < 100; ++grain) {
    c.grain = grain;
    c.schedule = "g4";
    c.repro = "ryz-lab sweep --kernel avx512-vbmi --encoding quad --grain " +
              std::to_string(grain) + " --threads 4";
    c.id = "decode/avx512-vbmi/quad/g4/t4";
    r.cells.push_back(c);
  }
  EXPECT_LE(data_of(r)["strings"].size(), before + 3);
}

// ---- JUnit -------------------------------------------------------------------------------------
TEST(RenderJunit, OnlyWhatTheExitCodeCountsIsAFailure) {
  Report r = sample_report();
  EXPECT_EQ(count(render_junit(r), "<failure"), 0U);  // a known-wrong cell, a blocked verdict
  expect_all(render_junit(r),
             {"tests=\"10\" failures=\"0\"", "known to be wrong", "blocked, SIGN_BITS"});

  r.exit_code = 1;
  r.verdict = "blocked";  // --strict
  EXPECT_EQ(count(render_junit(r), "<failure"), 1U);

  r = sample_report();
  cell_of(r, kSampleFast).status = Status::kWrong;
  EXPECT_EQ(count(render_junit(r), "<failure"), 1U);

  r = sample_report();
  r.gates[0].state = "fail";
  EXPECT_EQ(count(render_junit(r), "<failure"), 0U);
  r.exit_code = 1;
  r.verdict = "gate-failed";
  EXPECT_EQ(count(render_junit(r), "<failure"), 1U);

  r = sample_report();
  r.complete = false;
  EXPECT_EQ(count(render_junit(r), "<error"), 1U);
}

TEST(RenderJunit, ComparisonsFailWhereTheGateDoes) {
  const Report base = sample_report();
  Report fresh = base;
  scale_speed(cell_of(fresh, kSampleFast), 0.7);
  fresh.cells.erase(fresh.cells.begin());
  const CompareResult result = compare(base, fresh, {});
  const std::string text = render_junit(result);
  EXPECT_EQ(count(text, "<failure"),
            result.count(Change::kRegressed) + result.count(Change::kMissing));
  EXPECT_EQ(count(text, "<failure"), 2U);

  fresh.machine.hard.cpu_model += 1;
  const std::string elsewhere = render_junit(compare(base, fresh, {}));
  EXPECT_EQ(count(elsewhere, "<failure"), 0U);
  expect_all(elsewhere, {"<error", "cpu_model", "not comparable"});
}

TEST(RenderJunit, TextIsEscaped) {
  Report r = sample_report();
  r.cells[9].status_reason = "a<b & \"c\" 'd' ]]> \x01";
  expect_all(render_junit(r), {"a&lt;b &amp; &quot;c&quot; &apos;d&apos; ]]&gt; ?"});
}

// ---- the log of repairs ------------------------------------------------------------------------
Report with_ladder() {
  Report r = sample_report();
  const LadderStage last = r.ladder.back();
  r.ladder.pop_back();
  r.ladder[0].verdicts[0].state = State::kBlocked;
  r.ladder[0].verdicts[0].code = "SIMD_NOT_DISPATCHED";
  for (const int number : {2, 3, 4}) {
    LadderStage s = number < 3 ? r.ladder[0] : last;
    s.stage = number;
    s.threads = 1;
    s.title = "stage of the number " + std::to_string(number);
    s.tok_per_s = number;
    s.ci_lo = 0.9 * number;
    s.ci_hi = 1.1 * number;
    s.cell_id = "decode/x/y/g1/t1@scratch=pool@pin=none";
    if (number == 4) s.cell_id = "decode/x/y/s/t1";
    r.ladder.push_back(s);
  }
  r.ladder.push_back(last);
  return r;
}

TEST(FixLog, HasBeforeAndAfterErrorEvidenceAndTheWayBack) {
  expect_all(
      render_fix_log(with_ladder(), "log.svg"),
      {"![tok/s by stage, measured and promised](<log.svg>)", "SIMD inactive", "Encoding wrong",
       "Threads contending", "2.500 \\[2.450, 2.550\\] WRONG", "3.000 \\[2.700, 3.300\\]",
       "1.33x (of medians)", "**blocked** SIMD\\_NOT\\_DISPATCHED", "141%",
       "`pin=none scratch=pool`", "To take it back", "1.35x"});
}

TEST(FixLog, ALadderWithHolesSaysSo) {
  Report r = sample_report();  // stages 1 and 5 only
  EXPECT_EQ(count(render_fix_log(r, "log.svg"), "Not measured: this report's ladder lacks"), 3U);
}

TEST(FixLog, WithoutALadderThereIsNone) {
  Report r = sample_report();
  r.ladder.clear();
  EXPECT_THROW(render_fix_log(r, "log.svg"), ReportError);
}

TEST(FixLog, TheGraphHasEveryStageAndEscapesIt) {
  Report r = with_ladder();
  r.ladder[1].title = "<b>&";
  r.ladder[2].tok_per_s.reset();
  const std::string svg = ladder_svg(r);
  expect_all(svg, {"<svg xmlns=", "&lt;b&gt;&amp;", "WRONG", "not measured", "promised"});
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_EQ(count(svg, "<rect"), 4U + 2U);  // a measured stage each, and the legend
}

TEST(FixLog, IsWrittenWithItsGraphBesideIt) {
  const auto folder = std::filesystem::temp_directory_path() / "ryz-fix-log-test";
  std::filesystem::create_directories(folder);
  write_fix_log(with_ladder(), (folder / "LOG.md").string());
  expect_all(read_file((folder / "LOG.md").string()), {"(<LOG.svg>)"});
  EXPECT_EQ(read_file((folder / "LOG.svg").string()).rfind("<svg", 0), 0U);
  std::filesystem::remove_all(folder);
}

// ---- the short form ----------------------------------------------------------------------------
TEST(RenderBrief, IsShortAndHasWhatAnIssueNeeds) {
  const std::string text = render_brief(sample_report());
  EXPECT_LT(text.size(), 6000U);
  expect_all(text, {"### ryz-lab diagnose: blocked (exit 0)", "**Which kernel ran?**",
                    "key 7c1e5d20", "commit 244c47c0ffee with changes",
                    "ryz-lab diagnose --model mini", "as found: sign-bits", "warning: load 0.25"});
}

TEST(RenderBrief, ACommandDoesNotEndItsBlock) {
  Report r = sample_report();
  r.tool.argv = {"ryz-lab", "```", "\n# hello"};
  EXPECT_EQ(count(render_brief(r), "```"), 2U);
}

}  // namespace
}  // namespace ryz::report
