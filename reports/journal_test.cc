#include "reports/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "reports/error.h"
#include "reports/files.h"
#include "reports/sample_report.h"

namespace ryz::report {
namespace {

namespace fs = std::filesystem;

const JournalHeader kHeader{"0123", "abcd"};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ryz-journal-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = (directory_ / "j").string();
  }
  void TearDown() override { fs::remove_all(directory_); }

  static Sample sample(unsigned round, unsigned order = 0) {
    Sample s{round, order, 10, 1000 + round};
    s.cpu_ratio = 0.5;
    s.disturbed = {"preempted"};
    return s;
  }
  std::string refusal(const JournalHeader& header) const {
    try {
      Journal::resume(path_, header);
    } catch (const ReportError& error) {
      return error.what();
    }
    return {};
  }

  fs::path directory_;
  std::string path_;
};

TEST_F(JournalTest, WhatWasAddedIsThereAgain) {
  {
    Journal j = Journal::create(path_, kHeader);
    EXPECT_EQ(j.begin_section(), 0u);
    EXPECT_EQ(j.begin_section(), 1u);
    j.add(1, "a/b", SamplePlan{7, 2, true});
    j.add(1, "a/b", sample(0));
    j.add(1, "a/b", sample(0, 1));
    j.add(0, "a/b", sample(3));
  }
  const Journal j = Journal::resume(path_, kHeader);
  EXPECT_EQ(j.kept(), 3u);
  EXPECT_TRUE(j.warning().empty());
  EXPECT_EQ(j.plan(1, "a/b"), (SamplePlan{7, 2, true}));
  EXPECT_FALSE(j.plan(0, "a/b"));
  ASSERT_NE(j.samples(1, "a/b", 0), nullptr);
  EXPECT_EQ(*j.samples(1, "a/b", 0), (std::vector<Sample>{sample(0), sample(0, 1)}));
  EXPECT_EQ(j.samples(1, "a/b", 3), nullptr);
  EXPECT_EQ(j.samples(2, "a/b", 0), nullptr);
}

TEST_F(JournalTest, EveryCutLosesAtMostTheLastSample) {
  constexpr unsigned kSamples = 20;
  {
    Journal j = Journal::create(path_, kHeader);
    for (unsigned i = 0; i < kSamples; ++i) j.add(0, "cell", sample(i));
  }
  const std::string whole = read_file(path_);
  for (std::size_t size = 0; size <= whole.size(); size += 7) {
    { std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, size); }
    const auto lines = static_cast<std::size_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size), '\n'));
    std::size_t kept = 0;
    {
      Journal j = Journal::resume(path_, kHeader);
      kept = j.kept();
      EXPECT_EQ(kept, lines > 0 ? lines - 1 : 0) << size;
      j.add(0, "cell", sample(100));
    }
    EXPECT_EQ(Journal::resume(path_, kHeader).kept(), kept + 1) << size;
  }
}

TEST_F(JournalTest, AnotherMachineOrConfigurationIsRefused) {
  Journal::create(path_, kHeader).add(0, "cell", sample(0));
  EXPECT_EQ(refusal(kHeader), "");
  EXPECT_NE(refusal({"0123", "other"}).find("another machine"), std::string::npos);
  EXPECT_NE(refusal({"other", "abcd"}).find("another configuration"), std::string::npos);
}

TEST_F(JournalTest, NothingMeasuredNothingDestroyed) {
  { const Journal unused = Journal::create(path_, kHeader); }
  EXPECT_FALSE(fs::exists(path_));
  Journal::create(path_, kHeader).add(0, "cell", sample(0));
  { const Journal unused = Journal::create(path_, kHeader); }
  EXPECT_EQ(Journal::resume(path_, kHeader).kept(), 1u);
}

TEST_F(JournalTest, WhatIsNoJournalIsRefused) {
  std::ofstream(path_) << "{\"schema\": {\"name\": \"other\", \"version\": \"1.0.0\"}, "
                          "\"config_hash\": \"0123\", \"machine_key\": \"abcd\"}\n";
  EXPECT_NE(refusal(kHeader).find("no journal"), std::string::npos);
  std::ofstream(path_) << "garbage\nmore\n";
  EXPECT_NE(refusal(kHeader).find("line 1"), std::string::npos);
  path_ = (directory_ / "no" / "such" / "directory").string();
  EXPECT_THROW(Journal::create(path_, kHeader), ReportError);
}

TEST_F(JournalTest, AKilledWriterLeavesWhatItHadAdded) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Journal j = Journal::create(path_, kHeader);
    for (unsigned i = 0; i < 50; ++i) j.add(0, "cell", sample(i));
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(Journal::resume(path_, kHeader).kept(), 50u);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(ConfigHash, ChangesWithWhatIsAsked) {
  const Report report = sample_report();
  Report other = report;
  EXPECT_EQ(config_hash(report, {"a"}), config_hash(other, {"a"}));
  EXPECT_NE(config_hash(report, {"a"}), config_hash(other, {"b"}));
  other.report_id = "another";  // of the run, not of what it measures
  EXPECT_EQ(config_hash(report, {}), config_hash(other, {}));
  other.config.seed += 1;
  EXPECT_NE(config_hash(report, {}), config_hash(other, {}));
}

}  // namespace
}  // namespace ryz::report
