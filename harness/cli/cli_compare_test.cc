// compare and report, driven as a user would.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "harness/cli/cli_fixture.h"
#include "reports/report_json.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

class CliCompare : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(
        sweep("--kernel scalar --encoding two-bit,quint,sign-bits --grain 1 --out base.json").code,
        0);
    base_ = report::read_report((dir_ / "base.json").string());
    steady(base_);  // what is tested is the rule, not this machine
    report::write_report(base_, (dir_ / "base.json").string());
  }
  void write(const report::Report& report) const {
    report::write_report(report, (dir_ / "new.json").string());
  }
  // Every sample of a cell takes the same time but for one part in a thousand.
  static void steady(report::Report& report) {
    for (report::Cell& c : report.cells) {
      for (report::Sample& s : c.samples) {
        s.tokens = 10;
        s.time_ns = 100000000 + 100000 * (s.round % 2);
        s.reference_compute_ns = 2000000;
        s.reference_memory_ns = 3000000;
        s.disturbed.clear();
      }
      if (c.tok_per_s) c.tok_per_s = report::throughput(c.samples, 42);
    }
  }
  report::Cell& first_ok(report::Report& report) const {
    for (report::Cell& c : report.cells) {
      if (c.status == report::Status::kOk) return c;
    }
    ADD_FAILURE() << "no cell is ok";
    return report.cells.front();
  }
  report::Report base_;
};

TEST_F(CliCompare, AReportWithItselfPasses) {
  const Outcome o = lab("compare base.json base.json");
  EXPECT_EQ(o.code, 0) << o.out << o.err;
  EXPECT_TRUE(o.err.ends_with("exit=0\n"));
}

// By itself, behind a pipe and under make, whose own codes say less: the last line says which.
TEST_F(CliCompare, DoctoredReportsGetTheirStateAndCodeAlsoThroughAPipeAndMake) {
  const std::string compare = std::string("'") + RYZ_LAB_BINARY + "' compare base.json new.json";
  std::ofstream(dir_ / "Makefile") << "gate:\n\t@" << compare << "\n";
  const auto expect = [&](const char* state, const char* verdict, int code) {
    const std::string last =
        std::string("ryz-lab: verdict=") + verdict + " exit=" + std::to_string(code) + "\n";
    const Outcome alone = lab("compare base.json new.json");
    EXPECT_EQ(alone.code, code) << alone.out << alone.err;
    EXPECT_TRUE(alone.err.ends_with(last)) << alone.err;
    EXPECT_NE((alone.out + alone.err).find(state), std::string::npos) << alone.out << alone.err;
    const Outcome piped = shell(compare + " | tee t");
    EXPECT_EQ(piped.code, 0);
    EXPECT_TRUE(piped.err.ends_with(last)) << piped.err;
    EXPECT_EQ(slurp(dir_ / "t"), alone.out);
    const Outcome made = shell("make -s gate");
    EXPECT_EQ(made.code, code == 0 ? 0 : 2);
    EXPECT_NE(made.err.find(last), std::string::npos) << made.err;
  };
  write(base_);
  expect("0 regressed", "pass", 0);

  report::Report slower = base_;
  report::Throughput& t = *first_ok(slower).tok_per_s;
  for (double* v : {&t.median, &t.ci_lo, &t.ci_hi}) *v *= 0.9;
  write(slower);
  EXPECT_EQ(lab("compare base.json new.json").code, 1);  // the median alone, with a warning
  for (report::Sample& s : first_ok(slower).samples) s.time_ns = s.time_ns * 10 / 9;
  write(slower);
  expect(("REGRESSED  " + first_ok(base_).id).c_str(), "regressed", 1);
  const Outcome annotated = lab("compare base.json new.json --github");
  EXPECT_NE(annotated.err.find("::error title=ryz-lab%3A REGRESSED::"), std::string::npos)
      << annotated.err;

  report::Report missing = base_;
  std::erase_if(missing.cells, [&](const report::Cell& c) { return c.id == first_ok(base_).id; });
  write(missing);
  expect(("MISSING    " + first_ok(base_).id).c_str(), "missing", 1);

  report::Report wrong = base_;
  first_ok(wrong).tok_per_s.reset();
  first_ok(wrong).status_reason = "one element differs";
  first_ok(wrong).status = report::Status::kWrong;
  write(wrong);
  expect(("INVALID    " + first_ok(base_).id).c_str(), "wrong", 4);

  report::Report elsewhere = base_;
  elsewhere.machine.hard.cpu_model += 1;
  write(elsewhere);
  expect("differs    cpu_model", "incomparable", 3);
  EXPECT_EQ(lab("compare base.json new.json --allow cpu_model").code, 0);

  report::Report nan = base_;
  first_ok(nan).tok_per_s->median = std::numeric_limits<double>::quiet_NaN();
  write(nan);
  expect(("INVALID    " + first_ok(base_).id).c_str(), "wrong", 4);

  std::string text = report::to_json(base_);
  const std::string version = report::kSchemaVersion;
  text.replace(text.find(version), version.size(), "2.0.0");
  std::ofstream(dir_ / "new.json") << text;
  expect("2.0.0", "input-output", 5);
}

TEST_F(CliCompare, AGateTooWeakSaysWhatItNeeds) {
  report::Report few = base_;
  for (report::Cell& c : few.cells) {
    c.samples.resize(std::min<std::size_t>(2, c.samples.size()));
    if (c.tok_per_s) c.tok_per_s = report::throughput(c.samples, 42);
  }
  write(few);
  const Outcome weak = lab("compare base.json new.json");
  EXPECT_EQ(weak.code, 6);
  EXPECT_NE(weak.out.find("--rounds"), std::string::npos) << weak.out;
  EXPECT_TRUE(weak.err.ends_with("ryz-lab: verdict=underpowered exit=6\n"));
  write(base_);
  EXPECT_EQ(lab("compare new.json base.json --min-rounds 9").code, 6);
  expect_one_error(lab("compare base.json base.json --gate '('"), 2, "--gate");
  expect_one_error(lab("compare base.json base.json --fail-on everything"), 2, "--fail-on");
}

TEST_F(CliCompare, WhatIsNoReportIsExitFive) {
  expect_one_error(lab("compare base.json nothing.json"), 5, "nothing.json");
  std::ofstream(dir_ / "bad.json") << "{\"schema\": ";
  expect_one_error(lab("compare base.json bad.json"), 5, "bad.json");
  expect_one_error(lab("compare base.json base.json --threshold x"), 2, "--threshold");
  expect_one_error(lab("compare base.json base.json --allow hostname"), 2, "hostname");
}

TEST_F(CliCompare, ExecRunsBothBinariesWithTheFlagsBehindTheDashes) {
  const std::string binary = std::string("'") + RYZ_LAB_BINARY + "' ";
  const std::string run =
      " -- --model tiny --kernel scalar --encoding quint --grain 1 --threads 1 --phase decode "
      "--prompt-tokens 3 --sample-ms 1 --allow-debug";
  const Outcome o =
      lab("compare --json c.json --pairs 2 --allow-underpowered --threshold 90% "
          "--exec " +
          binary + binary + run);
  EXPECT_EQ(o.code, 0) << o.out << o.err;
  EXPECT_NE(slurp(dir_ / "c.json").find("decode/scalar/quint/g1/t1"), std::string::npos);
  expect_one_error(lab("compare base.json base.json -- --model tiny"), 2, "--model");
  const Outcome refused =
      lab("compare --pairs 2 --exec " + binary + binary + "-- --grain 0 --allow-debug");
  EXPECT_EQ(refused.code, 5);
  EXPECT_NE(refused.err.find("--grain"), std::string::npos) << refused.err;
}

TEST_F(CliCompare, ReportShowsAgainWhatWasMeasured) {
  for (const char* format : {"text", "json", "markdown", "csv"}) {
    const Outcome o = lab(std::string("report base.json --format ") + format);
    EXPECT_EQ(o.code, 0) << format << o.err;
    EXPECT_NE(o.out.find("two-bit"), std::string::npos) << format;
  }
}

TEST_F(CliCompare, ReportWritesEveryOtherForm) {
  const Outcome o = lab("report base.json --html r.html --junit r.xml --brief");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("**Which kernel ran?**"), std::string::npos);
  EXPECT_EQ(slurp(dir_ / "r.html").rfind("<!DOCTYPE html>", 0), 0U);
  EXPECT_NE(slurp(dir_ / "r.xml").find("<testsuites"), std::string::npos);
  EXPECT_EQ(lab("report base.json --against base.json --html both.html").code, 0);
  EXPECT_NE(slurp(dir_ / "both.html").find("\"compare\":{"), std::string::npos);
  expect_one_error(lab("report base.json --against base.json"), 2, "--html");
  expect_one_error(lab("report base.json --fix-log log.md"), 5, "no ladder");
  // Said before anything is measured.
  expect_one_error(lab("diagnose --model tiny --ladder none --allow-debug --fix-log log.md"), 2,
                   "has none");
  EXPECT_FALSE(fs::exists(dir_ / "log.md"));
  EXPECT_EQ(lab("compare base.json base.json --html c.html --junit c.xml --allow-underpowered "
                "--gate all")
                .code,
            0);
  EXPECT_NE(slurp(dir_ / "c.html").find("\"compare\":{"), std::string::npos);
}

TEST_F(CliCompare, ColourOnlyWhereItIsWanted) {
  const std::string escape = "\x1b[";
  EXPECT_EQ(lab("report base.json").out.find(escape), std::string::npos);
  EXPECT_NE(lab("report base.json --color always").out.find(escape), std::string::npos);
  EXPECT_NE(lab("--color always report base.json").out.find(escape), std::string::npos);
  const std::string terminal = "script -qec \"'" RYZ_LAB_BINARY "' report base.json";
  if (shell("command -v script").code != 0) GTEST_SKIP() << "no script(1) to make a terminal";
  const std::string tail = "\" /dev/null";
  EXPECT_NE(shell("TERM=xterm " + terminal + tail).out.find(escape), std::string::npos);
  EXPECT_EQ(shell("TERM=xterm NO_COLOR=1 " + terminal + tail).out.find(escape), std::string::npos);
  EXPECT_EQ(shell("TERM=xterm " + terminal + " --color never" + tail).out.find(escape),
            std::string::npos);
  EXPECT_EQ(shell("TERM=dumb " + terminal + tail).out.find(escape), std::string::npos);
}

}  // namespace
}  // namespace ryz
