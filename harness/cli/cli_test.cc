// What sweep and run print where, and the codes they exit with.
#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <string>

#include "harness/cli/cli_fixture.h"
#include "reports/report_json.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

TEST_F(Cli, WrongUsageIsExitTwoWithOneClearError) {
  expect_one_error(lab(""), 2, "required");
  expect_one_error(lab("diagnose --no-such-flag"), 2, "--no-such-flag");
  expect_one_error(lab("frobnicate"), 2, "frobnicate");
  expect_one_error(sweep("--grain 0"), 2, "--grain");
  expect_one_error(sweep("--grain 1:x"), 2, "--grain");
  expect_one_error(sweep("--grain ''"), 2, "--grain");
  expect_one_error(sweep("--kernel avx3"), 2, "avx3");
  expect_one_error(sweep("--encoding quant"), 2, "quint");  // the suggestion
  expect_one_error(sweep("--filter 'no such cell'"), 2, "no cell");
  expect_one_error(sweep("--filter '('"), 2, "regular expression");
  expect_one_error(sweep("--rounds 0"), 2, "--rounds");
  expect_one_error(lab("eval --model tiny --tokens 1,x"), 2, "--tokens");
  expect_one_error(lab("bench --shapes 3 --allow-debug"), 2, "--shapes");
  expect_one_error(lab("--without sse9 list"), 2, "sse9");
  expect_one_error(lab("diagnose --threads 1000000 --allow-debug --model tiny"), 2, "--threads");
}

TEST_F(Cli, ATopologyIsPlannedAndNothingIsRun) {
  for (const char* command : {"sweep", "diagnose"}) {
    const Outcome o = lab(std::string(command) +
                          " --topology 'pack:2 numa:2 core:4 pu:2' --model nothing --out r.json");
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.out.find("16 cores, 32 hardware threads, 4 NUMA nodes"), std::string::npos);
    EXPECT_NE(o.out.find("  4     4     1  0,2,4,6\n"), std::string::npos) << o.out;
    EXPECT_TRUE(o.err.ends_with("ryz-lab: verdict=planned exit=0\n")) << o.err;
    EXPECT_FALSE(fs::exists(dir_ / "r.json"));
  }
  const Outcome o = lab("sweep --topology 'core:4 pu:1' --pin list:3,1 --threads 2");
  EXPECT_NE(o.out.find("3,1\n"), std::string::npos) << o.out;
  expect_one_error(lab("sweep --topology pack:zero"), 2, "--topology");
  expect_one_error(lab("sweep --topology 'core:4 pu:1' --threads 5"), 2,
                   "the planned machine has 4");
  expect_one_error(lab("sweep --topology 'core:4 pu:1' --pin list:4"), 2, "--pin");
}

TEST_F(Cli, WhatIsNoModelIsExitFive) {
  expect_one_error(sweep("", "nothing"), 5, "nothing");
  expect_one_error(lab("eval --model . --tokens 1"), 5, "directory");
  std::ofstream(dir_ / "empty.gguf").close();
  expect_one_error(lab("eval --model empty.gguf --tokens 1"), 5, "empty.gguf");
  std::ofstream(dir_ / "text.gguf") << "This is not a model, but it is long enough to look at.";
  expect_one_error(lab("eval --model text.gguf --tokens 1"), 5, "text.gguf");
  expect_one_error(lab("eval --model tiny --tokens 99999"), 5, "99999");
}

// A prompt of this size takes long enough to count as slow, which without --rounds is one sample.
TEST_F(Cli, RoundsThatWereAskedForAreTakenOfSlowPromptsToo) {
  const Outcome o =
      lab("sweep --model tiny --phase prefill --kernel scalar --encoding quint --grain 16 "
          "--threads 1 --prompt-tokens 512 --rounds 4 --allow-debug --quiet --out r.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report r = report::from_json(slurp(dir_ / "r.json"), "r.json");
  ASSERT_EQ(r.cells.size(), 1u);
  EXPECT_FALSE(r.cells[0].few_samples);
  EXPECT_EQ(report::rate_by_round(r.cells[0].samples).size(), 4u);
}

TEST_F(Cli, AnOutputThatCannotBeWrittenIsExitFiveBeforeAnythingRuns) {
  expect_one_error(sweep("--out /no/such/folder/r.json"), 5, "/no/such/folder");
  expect_one_error(lab("eval --model tiny --tokens 1 --logits /no/such/folder/l.json"), 5,
                   "/no/such/folder");
}

TEST_F(Cli, AFullDiskIsExitFive) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(sweep("--out /dev/full").code, 5);
  EXPECT_EQ(sweep("> /dev/full").code, 5);
  EXPECT_EQ(lab("list > /dev/full").code, 5);
}

TEST_F(Cli, AReportThatExistsSurvivesAFailedRun) {
  std::ofstream(dir_ / "r.json") << "precious";
  EXPECT_EQ(sweep("--out r.json", "nothing").code, 5);
  EXPECT_EQ(slurp(dir_ / "r.json"), "precious");
}

TEST_F(Cli, ResultsGoToStdoutAndTheVerdictIsTheLastLineOfStderr) {
  const Outcome o = sweep("--kernel scalar --encoding quint --format json --grain 1,4");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report report = report::from_json(o.out, "stdout");
  EXPECT_EQ(report.cells.size(), 4U);
  EXPECT_TRUE(o.err.ends_with("ryz-lab: verdict=measured exit=0\n")) << o.err;
}

TEST_F(Cli, AKernelThisCpuLacksIsExitSevenWhenNamedAndASkipOtherwise) {
  expect_one_error(lab("--without avx sweep --model tiny --kernel avx2 --allow-debug"), 7, "avx2");
  const Outcome all =
      lab("--without avx sweep --model tiny --kernel all --encoding quint --rounds 1 --grain 1 "
          "--threads 1 --sample-ms 0.01 --allow-debug --quiet --format json");
  ASSERT_EQ(all.code, 0) << all.err;
  std::size_t skipped = 0;
  for (const report::Cell& c : report::from_json(all.out, "stdout").cells) {
    if (c.kernel == "scalar") {
      EXPECT_EQ(c.status, report::Status::kOk) << c.id;
    } else {
      EXPECT_EQ(c.status, report::Status::kSkipped) << c.id;
      ++skipped;
    }
  }
  EXPECT_EQ(skipped, 4U);
}

TEST_F(Cli, EveryScheduleSwitchIsAnAxisOfSweep) {
  const Outcome o = lab(
      "sweep --model tiny --kernel scalar --encoding quint --threads 1 --phase decode --rounds 1 "
      "--sample-ms 1 --allow-debug -q --schedule static --grain auto --scratch all --output all "
      "--region all --barrier all --first-touch all --pin cores,none --out r.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report r = report::read_report((dir_ / "r.json").string());
  ASSERT_EQ(r.cells.size(), 96U);
  for (const report::Cell& cell : r.cells) EXPECT_EQ(cell.status, report::Status::kOk) << cell.id;
  // Each cell says how to make it again.
  EXPECT_NE(r.cells.back().repro.find(
                "--barrier park --first-touch one --output interleaved --pin none --region "
                "product --scratch pool"),
            std::string::npos)
      << r.cells.back().repro;
}

TEST_F(Cli, BundlesAndTheRepairsThatAreTakenBack) {
  const std::string run =
      "sweep --model tiny --kernel scalar --encoding quint --threads 1 --phase decode --rounds 1 "
      "--sample-ms 1 --allow-debug -q --bundle as-found,repaired ";
  const Outcome o = lab(run + "--keep-fault none,lock+grain --out r.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report r = report::read_report((dir_ / "r.json").string());
  ASSERT_EQ(r.cells.size(), 3U);
  EXPECT_EQ(r.cells[0].id,
            "decode/scalar/quint/g1/t1@scratch=pool@output=interleaved@region=product@pin=none");
  EXPECT_EQ(r.cells[1].id, "decode/scalar/quint/s/t1");
  EXPECT_EQ(r.cells[2].id, "decode/scalar/quint/g1/t1@scratch=pool");
  EXPECT_EQ(lab(run + "--keep-fault locks").code, 2);
  EXPECT_EQ(lab(run + "--grain 4").code, 2);
}

TEST_F(Cli, ThreadsBeyondTheCoresAreProjected) {
  const std::string run =
      "sweep --model tiny --kernel scalar --encoding quint --phase decode --schedule static "
      "--grain auto --threads 1,4096 --rounds 1 --sample-ms 1 --allow-debug -q --out r.json";
  EXPECT_EQ(lab(run).code, 2);
  EXPECT_EQ(lab(run + " --project").code, 2) << "more than any machine has";
  const Outcome o =
      lab("sweep --model tiny --kernel scalar --encoding quint --phase decode "
          "--schedule static --grain auto --threads 200 --rounds 1 --sample-ms 1 "
          "--allow-debug -q --project --out r.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report r = report::read_report((dir_ / "r.json").string());
  ASSERT_EQ(r.cells.size(), 1U);
  ASSERT_EQ(r.curves.size(), 1U);
  EXPECT_EQ(r.curves[0].points.size(), 200U);
  EXPECT_EQ(r.curves[0].points.back().threads, 200U);
  EXPECT_EQ(r.curves[0].points.back().state, "projected");
}

TEST_F(Cli, RunWritesOneReportForEachExperiment) {
  std::ofstream(dir_ / "001-grain.json")
      << R"({"name": "grain", "question": "Does it?", "model": "tiny", "kernel": "scalar",
            "encoding": "quint", "phase": "decode", "grain": [1, 4], "threads": 1, "rounds": 1,
            "sample-ms": 1, "project": true, "attribute": true})";
  std::ofstream(dir_ / "002-error.json")
      << R"({"name": "error", "question": "How wrong?", "kind": "encoding-error",
            "encoding": ["sign-bits", "quint"], "rms": [0.2, 1], "rows": 64, "cols": 512})";
  const Outcome o = lab("run 001-grain.json 002-error.json --out-dir out --allow-debug -q");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report grain = report::read_report((dir_ / "out/001-grain.json").string());
  EXPECT_EQ(grain.command, "run");
  EXPECT_EQ(grain.experiment, "grain");
  ASSERT_EQ(grain.cells.size(), 2U);
  ASSERT_TRUE(grain.cells[0].attribution);
  EXPECT_GT(grain.cells[0].attribution->threads.at(0).busy_ratio, 0.0);
  EXPECT_EQ(grain.curves.at(0).points.back().state, "projected");
  EXPECT_NE(o.out.find("Does it?"), std::string::npos);
  const report::Report error = report::read_report((dir_ / "out/002-error.json").string());
  ASSERT_EQ(error.encoding_errors.size(), 4U);
  for (const report::EncodingError& e : error.encoding_errors) {
    EXPECT_EQ(e.error_ratio > 0.0, e.encoding == "sign-bits") << e.encoding << " " << e.rms;
  }
}

TEST_F(Cli, RunRefusesAllBeforeItMeasuresAny) {
  std::ofstream(dir_ / "good.json") << R"({"name": "n", "question": "q", "model": "tiny"})";
  const auto refused = [&](const std::string& text) {
    std::ofstream(dir_ / "bad.json") << text;
    const Outcome o = lab("run good.json bad.json --out-dir out --allow-debug -q");
    EXPECT_FALSE(fs::exists(dir_ / "out/good.json")) << text;
    EXPECT_NE(o.err.find("bad.json"), std::string::npos) << o.err;
    return o.code;
  };
  EXPECT_EQ(refused("{"), 5);
  EXPECT_EQ(refused(R"({"name": "n", "question": "q", "grains": 4})"), 2);
  EXPECT_EQ(refused(R"({"name": "n", "question": "q", "rounds": "many"})"), 2);
  EXPECT_EQ(lab("run absent.json --allow-debug").code, 5);
  // The report must not replace the experiment.
  EXPECT_EQ(lab("run good.json --out-dir . --allow-debug").code, 2);
}

TEST_F(Cli, WhatFollowsTheDashesGoesToGoogleBenchmark) {
  const std::string bench = "bench --encoding quint --kernel scalar --shapes 3x64 --allow-debug ";
  const Outcome o = lab(bench + "-- --benchmark_format=json --benchmark_min_time=0.001");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("\"benchmarks\""), std::string::npos) << o.out;
  expect_one_error(lab(bench + "-- --frobnicate"), 2, "--frobnicate");
}

}  // namespace
}  // namespace ryz
