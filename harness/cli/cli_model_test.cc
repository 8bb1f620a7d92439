// eval, export and info on models and on what is none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "harness/cli/cli_fixture.h"

namespace ryz {
namespace {

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
  // Nothing is timed for a prompt that cannot be.
  const Outcome outside = lab("eval --model tiny --tokens 512");
  expect_one_error(outside, 5, "vocabulary of 512");
  EXPECT_EQ(outside.err.find("prompt by"), std::string::npos) << outside.err;
  expect_one_error(lab("eval --model tiny --tokens ''"), 2, "--tokens");
  // Only a flag that this command has is advised.
  const Outcome threads = lab("eval --model tiny --tokens 1 --threads 1000");
  expect_one_error(threads, 2, " at most");
  EXPECT_EQ(threads.err.find("--oversubscribe"), std::string::npos) << threads.err;
  expect_one_error(lab("eval --model tiny --tokens -1"), 2, "--tokens");
}

TEST_F(Cli, ExportWritesFilesThatAreTheSameModel) {
  for (const char* type : {"i2_s", "tq2_0", "tq1_0"}) {
    const std::string name = type;
    const Outcome o = lab("export --model tiny --seed 7 --out " + name + ".gguf --type " + name);
    ASSERT_EQ(o.code, 0) << o.err;
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

// A device behind a link, so that a mistake here replaces the link only.
TEST_F(Cli, ExportReplacesNoDeviceAndLeavesNothingHalf) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  fs::create_symlink("/dev/full", dir_ / "full.gguf");
  expect_one_error(lab("export --model tiny --out full.gguf"), 5, "No space left");
  EXPECT_TRUE(fs::is_symlink(dir_ / "full.gguf"));
  // The file behind a link is replaced, not the link, and nothing is left beside it.
  fs::create_directory(dir_ / "real");
  std::ofstream(dir_ / "real/m.gguf") << "old";
  fs::create_symlink("real/m.gguf", dir_ / "link.gguf");
  ASSERT_EQ(lab("export --model tiny --out link.gguf").code, 0);
  EXPECT_TRUE(fs::is_symlink(dir_ / "link.gguf"));
  EXPECT_EQ(slurp(dir_ / "real/m.gguf").rfind("GGUF", 0), 0U);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "real"), fs::directory_iterator()), 1);
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
                            "blk.*.ffn_down  ", "read/token"}) {
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

}  // namespace
}  // namespace ryz
