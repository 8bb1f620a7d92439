// Drives the built binary as a user would: what it prints where, and the code it exits with.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "reports/report_json.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ryz-lab-cli-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }

  Outcome shell(const std::string& command) const {
    const fs::path err = dir_ / "stderr";
    Outcome outcome;
    FILE* pipe =
        popen(("cd '" + dir_.string() + "' && { " + command + "; } 2>stderr").c_str(), "r");
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
      outcome.out.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.err = slurp(err);
    return outcome;
  }
  Outcome lab(const std::string& arguments) const {
    return shell(std::string("'") + RYZ_LAB_BINARY + "' " + arguments);
  }
  // A short run on the smallest model.
  Outcome sweep(const std::string& arguments, const std::string& model = "tiny") const {
    return lab(
        "sweep --rounds 8 --sample-ms 0.01 --threads 1 --prompt-tokens 3 --allow-debug --quiet "
        "--model " +
        model + " " + arguments);
  }

  static void expect_one_error(const Outcome& o, int code, const std::string& words) {
    EXPECT_EQ(o.code, code) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find("error"), std::string::npos) << o.err;
    EXPECT_NE(o.err.find(words), std::string::npos) << o.err;
    EXPECT_NE(o.err.find("exit=" + std::to_string(code)), std::string::npos) << o.err;
  }

  fs::path dir_;
};

TEST_F(Cli, HelpAndVersionSucceed) {
  for (const char* arguments :
       {"--help", "--version", "diagnose --help", "sweep --help", "compare --help", "list --help",
        "verify --help", "eval --help", "info --help", "export --help", "bench --help",
        "report --help", "schema --help"}) {
    const Outcome o = lab(arguments);
    EXPECT_EQ(o.code, 0) << arguments;
    EXPECT_FALSE(o.out.empty()) << arguments;
  }
}

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

TEST_F(Cli, WhatIsNoModelIsExitFive) {
  expect_one_error(sweep("", "nothing"), 5, "nothing");
  expect_one_error(lab("eval --model . --tokens 1"), 5, "directory");
  std::ofstream(dir_ / "empty.gguf").close();
  expect_one_error(lab("eval --model empty.gguf --tokens 1"), 5, "empty.gguf");
  std::ofstream(dir_ / "text.gguf") << "This is not a model, but it is long enough to look at.";
  expect_one_error(lab("eval --model text.gguf --tokens 1"), 5, "text.gguf");
  expect_one_error(lab("eval --model tiny --tokens 99999"), 5, "99999");
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

TEST_F(Cli, EvalWritesTheSameLogitsForEveryExactKernel) {
  ASSERT_EQ(lab("eval --model tiny --tokens 1,5,9 --kernel naive --logits naive.json").code, 0);
  const std::string naive = slurp(dir_ / "naive.json");
  EXPECT_EQ(naive.rfind("{\"logits\": [", 0), 0U);
  for (const char* encoding : {"two-bit", "two-bit-x32", "quint", "pair", "triple", "bit-planes"}) {
    ASSERT_EQ(
        lab(std::string("eval --model tiny --tokens 1,5,9 --logits l.json --encoding ") + encoding)
            .code,
        0);
    EXPECT_EQ(slurp(dir_ / "l.json"), naive) << encoding;
  }
  ASSERT_EQ(lab("eval --model tiny --tokens 1,5,9 --encoding sign-bits --kernel scalar --logits "
                "l.json")
                .code,
            0);
  EXPECT_NE(slurp(dir_ / "l.json"), naive);
}

TEST_F(Cli, EvalContinuesGreedily) {
  const Outcome o = lab("eval --model tiny --tokens 1,5,9 --generate 4 --logits l.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const std::size_t at = o.out.find("generated ");
  ASSERT_NE(at, std::string::npos) << o.out;
  std::istringstream list(o.out.substr(at + 10));
  std::string prompt = "1,5,9";
  std::size_t steps = 0;
  // Each token is the best after all before it, fed at once.
  for (std::string token; std::getline(list, token, ',') && steps < 4; ++steps) {
    token = token.substr(0, token.find('\n'));
    const Outcome step = lab("eval --model tiny --top 1 --tokens " + prompt);
    EXPECT_NE((step.out + " ").find(" " + token + " "), std::string::npos) << step.out << token;
    prompt += "," + token;
  }
  EXPECT_EQ(steps, 4U);
  // The logits in the file are those after the prompt.
  ASSERT_EQ(lab("eval --model tiny --tokens 1,5,9 --logits alone.json").code, 0);
  const std::string alone = slurp(dir_ / "alone.json");
  EXPECT_EQ(slurp(dir_ / "l.json").substr(0, alone.size() - 2), alone.substr(0, alone.size() - 2));
}

TEST_F(Cli, ContextAndTokensOutOfRangeAreOneClearError) {
  expect_one_error(lab("eval --model tiny --tokens 1 --generate 4096"), 5, "4096 positions");
  expect_one_error(lab("eval --model tiny --tokens 1 --generate 18446744073709551615"), 5,
                   "4096 positions");
  expect_one_error(lab("eval --model tiny --tokens 512"), 5, "vocabulary of 512");
  expect_one_error(lab("eval --model tiny --tokens ''"), 2, "--tokens");
  expect_one_error(lab("eval --model tiny --tokens -1"), 2, "--tokens");
}

TEST_F(Cli, ExportWritesFilesThatAreTheSameModel) {
  for (const char* type : {"i2_s", "tq2_0", "tq1_0"}) {
    const std::string name = type;
    const Outcome o = lab("export --model tiny --seed 7 --out " + name + ".gguf --type " + name);
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_FALSE(fs::exists(dir_ / (name + ".gguf.part")));
    ASSERT_EQ(lab("eval --model " + name + ".gguf --tokens 1,5,9 --logits " + name + ".json").code,
              0);
    EXPECT_NE(slurp(dir_ / (name + ".gguf")).find("tokenizer.ggml.token_type"), std::string::npos);
  }
  EXPECT_EQ(slurp(dir_ / "tq1_0.json"), slurp(dir_ / "tq2_0.json"));
  // I2_S keeps arch, activation and scale: the preset itself.
  ASSERT_EQ(lab("eval --model tiny --seed 7 --tokens 1,5,9 --logits preset.json").code, 0);
  EXPECT_EQ(slurp(dir_ / "i2_s.json"), slurp(dir_ / "preset.json"));
  EXPECT_NE(slurp(dir_ / "i2_s.json"), slurp(dir_ / "tq2_0.json"));

  expect_one_error(lab("export --model huge --out x.gguf"), 2, "huge");
  expect_one_error(lab("export --model tiny --out x.gguf --type q4_0"), 2, "--type");
  expect_one_error(lab("export --model tiny --out /no/such/folder/x.gguf"), 5, "/no/such/folder");
}

TEST_F(Cli, LogitsThatAreNotFiniteAreExitFour) {
  ASSERT_EQ(lab("export --model tiny --out m.gguf").code, 0);
  std::string file = slurp(dir_ / "m.gguf");
  // The scale of an embedding block, 2e-4 behind sixteen small ones, becomes none.
  std::size_t at = 16;
  const auto is_scale = [](char c) { return c >= 1 && c <= 4; };
  while (file.compare(at, 2, "\x8e\x0a") != 0 ||
         !std::all_of(file.begin() + static_cast<std::ptrdiff_t>(at) - 16,
                      file.begin() + static_cast<std::ptrdiff_t>(at), is_scale)) {
    ASSERT_LT(++at, file.size() - 2);
  }
  file.replace(at, 2, "\xff\x7f");
  std::ofstream(dir_ / "m.gguf", std::ios::binary) << file;
  expect_one_error(lab("eval --model m.gguf --tokens 1"), 4, "damaged");
}

TEST_F(Cli, InfoSaysWhatAModelIsAndNeeds) {
  const Outcome text = lab("info --model tiny");
  ASSERT_EQ(text.code, 0) << text.err;
  for (const char* words : {"arch bitnet-b1.58", "zeros", "entropy", "quint", "as found",
                            "blk.*.ffn_down.weight", "read/token"}) {
    EXPECT_NE(text.out.find(words), std::string::npos) << words;
  }
  ASSERT_EQ(lab("export --model tiny --out m.gguf --type tq1_0").code, 0);
  const Outcome json = lab("info --model m.gguf --format json");
  ASSERT_EQ(json.code, 0) << json.err;
  // 2 layers of 256·(2·256 + 2·128) + 3·256·512 weights; 128 bytes of tables each.
  for (const char* words : {"\"ternary_weights\": 1179648", "\"as_found_bytes\": 150994944",
                            "\"arch\": \"bitnet\"", "\"format\": \"tq1_0\""}) {
    EXPECT_NE(json.out.find(words), std::string::npos) << words << json.out;
  }
  expect_one_error(lab("info --model nothing.gguf"), 5, "nothing.gguf");
}

// ---- compare ------------------------------------------------------------------------------------
class CliCompare : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(sweep("--kernel scalar --encoding all --grain 1 --out base.json").code, 0);
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

TEST_F(CliCompare, DoctoredReportsGetTheirCodesAlsoThroughAPipe) {
  report::Report slower = base_;
  report::Throughput& t = *first_ok(slower).tok_per_s;
  for (double* v : {&t.median, &t.ci_lo, &t.ci_hi}) *v *= 0.9;
  write(slower);
  EXPECT_EQ(lab("compare base.json new.json").code, 1);
  for (report::Sample& s : first_ok(slower).samples) s.time_ns = s.time_ns * 10 / 9;
  write(slower);
  EXPECT_EQ(lab("compare base.json new.json").code, 1);
  const std::string compare =
      std::string("'") + RYZ_LAB_BINARY + "' compare base.json new.json --github";
  const Outcome piped = shell(compare + " | tee t");
  EXPECT_NE(piped.err.find("::error title=ryz-lab%3A REGRESSED::"), std::string::npos) << piped.err;
  EXPECT_TRUE(piped.err.ends_with("ryz-lab: verdict=regressed exit=1\n")) << piped.err;
  std::ofstream(dir_ / "Makefile") << "gate:\n\t@" << compare << "\n";
  const Outcome made = shell("make -s gate");
  EXPECT_EQ(made.code, 2);  // make's own code for any failure: the last line still says which
  EXPECT_NE(made.err.find("ryz-lab: verdict=regressed exit=1\n"), std::string::npos);

  report::Report missing = base_;
  std::erase_if(missing.cells, [&](const report::Cell& c) { return c.id == first_ok(base_).id; });
  write(missing);
  EXPECT_EQ(lab("compare base.json new.json").code, 1);

  report::Report wrong = base_;
  first_ok(wrong).tok_per_s.reset();
  first_ok(wrong).status_reason = "one element differs";
  first_ok(wrong).status = report::Status::kWrong;
  write(wrong);
  EXPECT_EQ(lab("compare base.json new.json").code, 4);

  report::Report elsewhere = base_;
  elsewhere.machine.hard.cpu_model += 1;
  write(elsewhere);
  const Outcome other = lab("compare base.json new.json");
  EXPECT_EQ(other.code, 3);
  EXPECT_NE((other.out + other.err).find("cpu_model"), std::string::npos);
  EXPECT_EQ(lab("compare base.json new.json --allow cpu_model").code, 0);

  report::Report nan = base_;
  first_ok(nan).tok_per_s->median = std::numeric_limits<double>::quiet_NaN();
  write(nan);
  EXPECT_EQ(lab("compare base.json new.json").code, 4);

  std::string text = report::to_json(base_);
  const std::string version = report::kSchemaVersion;
  text.replace(text.find(version), version.size(), "2.0.0");
  std::ofstream(dir_ / "new.json") << text;
  expect_one_error(lab("compare base.json new.json"), 5, "2.0.0");
}

TEST_F(CliCompare, AGateTooWeakSaysWhatItNeeds) {
  report::Report few = base_;
  for (report::Cell& c : few.cells) {
    c.samples.resize(std::min<std::size_t>(3, c.samples.size()));
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

TEST_F(CliCompare, ReportShowsAgainWhatWasMeasured) {
  for (const char* format : {"text", "json", "markdown", "csv"}) {
    const Outcome o = lab(std::string("report base.json --format ") + format);
    EXPECT_EQ(o.code, 0) << format << o.err;
    EXPECT_NE(o.out.find("two-bit"), std::string::npos) << format;
  }
}

TEST_F(Cli, EveryScheduleSwitchIsAnAxisOfSweep) {
  const Outcome o = lab(
      "sweep --model tiny --kernel scalar --encoding quint --threads 1 --phase decode --rounds 1 "
      "--sample-ms 1 --allow-debug -q --schedule static --grain auto --scratch all --output all "
      "--region all --barrier all --pin cores,none --out r.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report r = report::read_report((dir_ / "r.json").string());
  ASSERT_EQ(r.cells.size(), 48U);
  for (const report::Cell& cell : r.cells) EXPECT_EQ(cell.status, report::Status::kOk) << cell.id;
  // Each cell says how to make it again.
  EXPECT_NE(r.cells.back().repro.find("--barrier park --output interleaved --pin none --region "
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
  EXPECT_FALSE(fs::exists(dir_ / "log.md"));
  EXPECT_EQ(lab("compare base.json base.json --html c.html --junit c.xml --allow-underpowered "
                "--gate all")
                .code,
            0);
  EXPECT_NE(slurp(dir_ / "c.html").find("\"compare\":{"), std::string::npos);
}

// ---- colour, configuration, completion ----------------------------------------------------------
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

TEST_F(Cli, AConfigurationIsReadAndWhatIsTypedWins) {
  std::ofstream(dir_ / "c.json")
      << R"({"model": "tiny", "grain": [1, 4], "rounds": 2, "quiet": true, "kernel": "scalar"})";
  const Outcome o = lab("sweep --config c.json --rounds 3 --print-config");
  ASSERT_EQ(o.code, 0) << o.err;
  for (const char* part : {"\"model\": \"tiny\"", "\"grain\": \"1,4\"", "\"rounds\": 3",
                           "\"quiet\": true", "\"oversubscribe\": false", "\"seed\": 42"}) {
    EXPECT_NE(o.out.find(part), std::string::npos) << part << o.out;
  }
  EXPECT_NE(o.err.find("rounds         from the command line"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("grain          from c.json"), std::string::npos) << o.err;
}

TEST_F(Cli, APrintedConfigurationIsOneAgain) {
  const Outcome first = lab("diagnose --rounds 7 --strict --print-config");
  ASSERT_EQ(first.code, 0) << first.err;
  std::ofstream(dir_ / "c.json") << first.out;
  const Outcome second = lab("diagnose --config c.json --print-config");
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
}

TEST_F(Cli, AConfigurationDoesWhatTheFlagsDo) {
  std::ofstream(dir_ / "c.json")
      << R"({"model": "tiny", "kernel": "scalar", "encoding": "quint", "grain": "1", "rounds": 1,
             "threads": 1, "sample-ms": 0.01, "phase": "decode", "allow-debug": true,
             "quiet": true, "format": "json"})";
  const Outcome o = lab("sweep --config c.json");
  ASSERT_EQ(o.code, 0) << o.err;
  const report::Report report = report::from_json(o.out, "stdout");
  EXPECT_EQ(report.cells.size(), 1U);
  EXPECT_EQ(report.config.rounds, 1U);
}

TEST_F(Cli, MistakesInAConfigurationAreNamed) {
  const auto with = [&](const char* text) {
    std::ofstream(dir_ / "c.json") << text;
    return lab("sweep --config c.json");
  };
  expect_one_error(with(R"({"roundz": 3})"), 2, "did you mean rounds?");
  expect_one_error(with(R"({"strict": true})"), 2, "strict");  // a flag of diagnose
  expect_one_error(with(R"({"quiet": 1})"), 2, "true or false");
  expect_one_error(with(R"({"rounds": null})"), 2, "rounds");
  expect_one_error(with(R"({"rounds": "many"})"), 2, "--rounds");
  expect_one_error(with(R"({"rounds": 3, "rounds": 4})"), 5, "twice");
  expect_one_error(with(R"({"rounds": 3,})"), 5, "c.json");
  expect_one_error(with("[]"), 5, "c.json");
  expect_one_error(lab("sweep --config nothing.json"), 5, "nothing.json");
}

TEST_F(Cli, ANearFlagIsSuggested) {
  expect_one_error(lab("sweep --rouns 3"), 2, "did you mean --rounds?");
  expect_one_error(lab("report --htm x"), 2, "--htm");
}

TEST_F(Cli, EveryCommandHasExamplesInItsHelp) {
  const Outcome top = lab("--help");
  ASSERT_EQ(top.code, 0);
  std::istringstream lines(top.out.substr(top.out.find("Subcommands:")));
  std::size_t commands = 0;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.rfind("  ", 0) == 0) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (line[2] == ' ') continue;  // a description's second line
    ++commands;
    const Outcome help = lab(name + " --help");
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_NE(help.out.find("ryz-lab " + name), std::string::npos) << name;
    EXPECT_NE(help.out.find("Example"), std::string::npos) << name;
  }
  EXPECT_GE(commands, 10U) << top.out;
}

TEST_F(Cli, HelpFitsTheTerminal) {
  if (shell("command -v script").code != 0) GTEST_SKIP() << "no script(1) to make a terminal";
  for (const char* command : {"", "diagnose", "compare", "bench", "list"}) {
    const Outcome help = shell(std::string("script -qec \"stty cols 80; '" RYZ_LAB_BINARY "' ") +
                               command + " --help\" /dev/null");
    std::istringstream lines(help.out);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      line.erase(line.find_last_not_of("\r\n") + 1);
      // A default that is one long word cannot be wrapped.
      if (line.find("=PHASE3") != std::string::npos) continue;
      EXPECT_LE(line.size(), 80U) << line;
    }
    EXPECT_GT(count, 10U) << help.out;
  }
}

TEST_F(Cli, TheVersionSaysHowItWasBuilt) {
  const Outcome o = lab("--version");
  EXPECT_EQ(o.code, 0);
  for (const char* part : {"ryz-lab ", "commit", "build", "flags", "-ffp-contract=off", "openmp"}) {
    EXPECT_NE(o.out.find(part), std::string::npos) << part;
  }
}

TEST_F(Cli, CompletionIsAcceptedByItsShellAndKnowsTheFlags) {
  for (const std::string name : {"bash", "zsh", "fish"}) {
    const Outcome o = lab("completion " + name + " > script." + name);
    ASSERT_EQ(o.code, 0) << name;
    const std::string text = slurp(dir_ / ("script." + name));
    for (const char* part : {"diagnose", "sample-ms", "two-bit", "bitnet-2b4t", "markdown"}) {
      EXPECT_NE(text.find(part), std::string::npos) << name << " " << part;
    }
    if (shell("command -v " + name).code == 0) {
      const Outcome checked = shell(name + " -n script." + name);
      EXPECT_EQ(checked.code, 0) << name << checked.err;
    }
  }
  const auto bash = [&](const std::string& words, int at) {
    return shell("bash -c 'source script.bash; COMP_WORDS=(" + words +
                 "); COMP_CWORD=" + std::to_string(at) + "; _ryz_lab; echo \"${COMPREPLY[@]}\"'")
        .out;
  };
  EXPECT_EQ(bash("ryz-lab diag", 1), "diagnose\n");
  EXPECT_EQ(bash("ryz-lab diagnose --ladd", 2), "--ladder\n");
  EXPECT_EQ(bash("ryz-lab report --format mark", 3), "markdown\n");
  EXPECT_EQ(bash("ryz-lab completion z", 2), "zsh\n");
  EXPECT_EQ(bash("ryz-lab report r", 2), "\n");  // a file: the shell's own completion
  expect_one_error(lab("completion csh"), 2, "csh");
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

}  // namespace
}  // namespace ryz
