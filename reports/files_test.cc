#include "reports/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "reports/error.h"
#include "reports/report_json.h"
#include "reports/sample_report.h"

namespace ryz::report {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ryz-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  static std::string refusal(const std::function<void()>& action) {
    try {
      action();
      return {};
    } catch (const ReportError& error) {
      return error.what();
    }
  }

  fs::path directory_;
};

TEST_F(Files, WritesAndReadsBack) {
  write_report(sample_report(), path("r.json"));
  EXPECT_EQ(read_report(path("r.json")), sample_report());
  write_file(path("r.json"), "second");
  EXPECT_EQ(read_file(path("r.json")), "second");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, KeepsModeAndFollowsLinks) {
  write_file(path("real"), "old");
  ASSERT_EQ(::chmod(path("real").c_str(), 0640), 0);
  fs::create_symlink("real", path("link"));
  write_file(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("real")), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path("real").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(Files, ARelativeNameWorks) {
  const auto before = fs::current_path();
  fs::current_path(directory_);
  write_file("plain.json", "x");
  check_writable("plain.json");
  fs::current_path(before);
  EXPECT_EQ(read_file(path("plain.json")), "x");
}

TEST_F(Files, RefusalsNamePathAndReason) {
  const std::string nowhere = path("no/such/r.json");
  const std::string why = refusal([&] { write_file(nowhere, "x"); });
  EXPECT_NE(why.find(nowhere), std::string::npos) << why;
  EXPECT_NE(why.find("No such file or directory"), std::string::npos) << why;
  EXPECT_NE(refusal([&] { check_writable(nowhere); }), "");
  EXPECT_NE(refusal([&] { check_writable(""); }), "");
  EXPECT_NE(refusal([&] { write_file(directory_.string(), "x"); }).find("directory"),
            std::string::npos);
  EXPECT_NE(refusal([&] { read_file(path("absent")); }).find("absent"), std::string::npos);
  EXPECT_NE(refusal([&] { read_file(directory_.string()); }), "");
}

TEST_F(Files, AFullDeviceIsAnErrorNotACrash) {
  const std::string why = refusal([] { write_report(sample_report(), "/dev/full"); });
  EXPECT_NE(why.find("/dev/full"), std::string::npos) << why;
  EXPECT_NE(why.find("No space left on device"), std::string::npos) << why;
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_NO_THROW(write_file("/dev/null", "x"));
}

TEST_F(Files, AnEndlessDeviceIsRefused) {
  EXPECT_NE(refusal([] { read_file("/dev/zero"); }).find("larger than"), std::string::npos);
}

TEST_F(Files, CheckWritableLeavesNothing) {
  check_writable(path("r.json"));
  EXPECT_EQ(entries(), 0u);
  write_file(path("r.json"), "kept");
  check_writable(path("r.json"));
  EXPECT_EQ(read_file(path("r.json")), "kept");
  EXPECT_EQ(entries(), 1u);
}

// The size limit stands in for a full disk: writing fails half-way.
[[noreturn]] void write_beyond_limit(const std::string& target) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, 1000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  try {
    write_file(target, std::string(100000, 'x'));
  } catch (const ReportError&) {
    std::_Exit(5);
  }
  std::_Exit(0);
}

TEST_F(Files, AFailedWriteLeavesTheOldFile) {
  const std::string target = path("r.json");
  write_file(target, "old");
  EXPECT_EXIT(write_beyond_limit(target), ::testing::ExitedWithCode(5), "");
  EXPECT_EQ(read_file(target), "old");
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace ryz::report
