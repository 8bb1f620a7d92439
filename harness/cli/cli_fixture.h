// A fixture that drives the built binary as a user would, in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace ryz {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string slurp(const fs::path& path) {
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

}  // namespace ryz
