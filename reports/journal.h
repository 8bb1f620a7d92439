// The samples of a run as they are taken, one JSON line each, so that a killed run can go on where
// it was. The first line says which run it is; a sample's line is in the file before the next
// sample begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

inline constexpr const char* kJournalSchemaName = "ryz-lab/journal";

struct JournalHeader {
  std::string config_hash;  // what was asked, by which program
  std::string machine_key;
  bool operator==(const JournalHeader&) const = default;
};

// How long a cell's samples are: measured once, and kept by a run that goes on.
struct SamplePlan {
  std::uint64_t tokens = 0;
  std::uint64_t repeats = 0;
  bool few_samples = false;
  bool operator==(const SamplePlan&) const = default;
};

// What a run does is a sequence of sections, each a set of cells in rounds. The same plan gives the
// same sections, so that a sample's place is (section, cell, round).
class Journal {
 public:
  // An empty journal at `path`. What is there is replaced when the first line is added, so that a
  // run that ends before it measures anything destroys nothing and leaves nothing.
  static Journal create(const std::string& path, const JournalHeader& header);
  // Goes on with the one at `path`: refuses another header (a ReportError that names what differs),
  // leaves out a torn last line. Where there is no file, as create().
  static Journal resume(const std::string& path, const JournalHeader& header);

  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // The next section; its number.
  unsigned begin_section() { return next_section_++; }

  std::optional<SamplePlan> plan(unsigned section, const std::string& cell) const;
  // All samples of that round, in the order they were taken; null where there is none.
  const std::vector<Sample>* samples(unsigned section, const std::string& cell,
                                     unsigned round) const;

  // Written at once; flushed to the disk itself at most once a second, so that a power cut costs no
  // more than that. Throw ReportError.
  void add(unsigned section, const std::string& cell, const SamplePlan& plan);
  void add(unsigned section, const std::string& cell, const Sample& sample);

  const std::string& path() const { return path_; }
  std::size_t kept() const { return kept_; }  // samples found at resume()
  const std::string& warning() const { return warning_; }

 private:
  Journal(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  void read(const std::string& text, const JournalHeader& header);
  void write(const std::string& line);

  std::string path_;
  int fd_ = -1;         // opened when there is something to write
  std::string header_;  // that a file opened then begins with
  unsigned next_section_ = 0;
  std::size_t kept_ = 0;
  std::string warning_;
  std::uint64_t synced_ns_ = 0;
  std::map<std::pair<unsigned, std::string>, SamplePlan> plans_;
  std::map<std::pair<unsigned, std::string>, std::map<unsigned, std::vector<Sample>>> samples_;
};

// Of everything that decides what a run measures: the report's config, command, build and program,
// and `more`.
std::string config_hash(const Report& report, const std::vector<std::string>& more);

}  // namespace ryz::report
