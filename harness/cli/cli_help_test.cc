// Help, configuration files, completion: what a user meets before anything is measured.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "harness/cli/cli_fixture.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

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

// An example that does not fit its line cannot be pasted, nor one that names a file there is not.
void expect_pasteable_examples(const std::string& help) {
  std::istringstream lines(help.substr(help.rfind("Examples")));
  std::string line;
  std::getline(lines, line);
  std::size_t count = 0;
  while (std::getline(lines, line)) {
    ++count;
    EXPECT_LE(line.size(), 80U) << line;
    const bool ours = line.rfind("  ryz-lab ", 0) == 0 || line.rfind("  source <(ryz-lab ", 0) == 0;
    EXPECT_TRUE(ours) << line;
    const std::size_t at = line.find("experiments/");
    if (at == std::string::npos || line[at + 12] == '*') continue;
    const std::string name = line.substr(at, line.find(' ', at) - at);
    EXPECT_TRUE(fs::exists(fs::path(RYZ_SOURCE_DIR) / name)) << line;
  }
  EXPECT_GE(count, 1U) << help;
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
    expect_pasteable_examples(help.out);
  }
  EXPECT_GE(commands, 10U) << top.out;
  expect_pasteable_examples(top.out);
}

TEST_F(Cli, HelpHasOneEmptyLineBetweenItsPartsAndEndsDescriptionsWithTheDefault) {
  for (const char* command : {"", "diagnose", "compare", "list"}) {
    const std::string text = lab(std::string(command) + " --help").out;
    EXPECT_EQ(text.find("\n\n\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n\nUsage:"), std::string::npos) << text;
  }
  const std::string text = lab("sweep --help").out;
  EXPECT_NE(text.find("--grain TEXT "), std::string::npos) << text;
  EXPECT_NE(text.find("auto [1,4,16]"), std::string::npos) << text;
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
      EXPECT_LE(line.size(), 80U) << line;
    }
    EXPECT_GT(count, 10U) << help.out;
  }
}

TEST_F(Cli, ErrorsBreakBetweenWordsOnATerminalAndAreOneLineElsewhere) {
  if (shell("command -v script").code != 0) GTEST_SKIP() << "no script(1) to make a terminal";
  for (const char* arguments : {"report nothing.json", "sweep --kernel avx3"}) {
    const std::string plain = shell(std::string("'") + RYZ_LAB_BINARY "' " + arguments).err;
    const Outcome fitted = shell(std::string("script -qec \"stty cols 60; '" RYZ_LAB_BINARY "' ") +
                                 arguments + "\" /dev/null");
    std::istringstream lines(fitted.out);
    std::string words;
    for (std::string line; std::getline(lines, line);) {
      line.erase(line.find_last_not_of("\r\n") + 1);
      EXPECT_LE(line.size(), 60U) << line;
      std::istringstream parts(line);
      for (std::string part; parts >> part;) words += part + " ";
    }
    std::istringstream parts(plain);
    std::string expected;
    bool long_line = false;
    for (std::string line; std::getline(parts, line);) {
      long_line = long_line || line.size() > 60;
      std::istringstream of(line);
      for (std::string part; of >> part;) expected += part + " ";
    }
    EXPECT_TRUE(long_line) << plain;
    EXPECT_EQ(words, expected);
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

}  // namespace
}  // namespace ryz
