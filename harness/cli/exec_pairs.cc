#include "harness/cli/exec_pairs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "harness/measure/progress.h"
#include "reports/error.h"
#include "reports/files.h"
#include "reports/report_json.h"
#include "reports/statistics.h"

extern char** environ;

namespace ryz {
namespace {

namespace fs = std::filesystem;
using report::ReportError;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "ryz-lab-exec-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw ReportError(fmt::format("cannot make {}: {}", name, std::strerror(errno)));
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// The exit code; -1 where it was killed. Its output goes to files of ours.
int run_process(const std::vector<std::string>& arguments, const std::string& out,
                const std::string& err) {
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), kFlags, 0600);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    throw ReportError(fmt::format("cannot run {}: {}", arguments[0], std::strerror(error)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool names_flag(const std::vector<std::string>& flags, const std::string& name) {
  return std::any_of(flags.begin(), flags.end(), [&](const std::string& f) {
    return f == name || f.rfind(name + "=", 0) == 0;
  });
}

std::vector<std::string> command_line(const std::string& binary, const ExecOptions& options,
                                      const std::string& out) {
  std::vector<std::string> line{binary};
  std::vector<std::string> flags = options.flags;
  if (!flags.empty() && (flags[0] == "sweep" || flags[0] == "diagnose")) {
    line.push_back(flags[0]);
    flags.erase(flags.begin());
  } else {
    line.emplace_back("sweep");
  }
  line.insert(line.end(), flags.begin(), flags.end());
  if (!names_flag(flags, "--rounds")) {
    line.emplace_back("--rounds");
    line.push_back(std::to_string(options.rounds));
  }
  for (const char* fixed : {"--quiet", "--out"}) line.emplace_back(fixed);
  line.push_back(out);
  return line;
}

// The last lines that the run left on stderr.
std::string last_words(const std::string& path) {
  std::string text = report::read_file(path);
  constexpr std::size_t kMost = 600;
  return text.size() > kMost ? "..." + text.substr(text.size() - kMost) : text;
}

int rank(report::Status status) {
  switch (status) {
    case report::Status::kWrong:
      return 3;
    case report::Status::kFailed:
      return 2;
    case report::Status::kSkipped:
      return 1;
    case report::Status::kOk:
      break;
  }
  return 0;
}

}  // namespace

void add_run(report::Report& side, const report::Report& run, unsigned pair) {
  if (side.cells.empty()) {
    side = run;
    for (report::Cell& c : side.cells) c.samples.clear();
  }
  side.complete = side.complete && run.complete;
  for (report::Cell& cell : side.cells) {
    const auto found = std::find_if(run.cells.begin(), run.cells.end(),
                                    [&](const report::Cell& c) { return c.id == cell.id; });
    if (found == run.cells.end()) continue;
    if (rank(found->status) > rank(cell.status)) {
      cell.status = found->status;
      cell.status_reason = found->status_reason;
      cell.error = found->error;
      cell.tok_per_s_reason = found->tok_per_s_reason;
    }
    for (report::Sample s : found->samples) {
      s.round = pair;
      cell.samples.push_back(std::move(s));
    }
    constexpr std::uint64_t kSeed = 42;
    cell.tok_per_s.reset();
    if (cell.status == report::Status::kOk && !cell.samples.empty()) {
      cell.tok_per_s = report::throughput(cell.samples, kSeed);
    }
  }
}

std::string filter_of(const std::vector<std::string>& ids) {
  std::string pattern = "^(";
  for (const std::string& id : ids) {
    if (pattern.size() > 2) pattern += '|';
    for (const char c : id) {
      if (std::strchr(".^$|()[]{}*+?\\", c) != nullptr) pattern += '\\';
      pattern += c;
    }
  }
  return pattern + ")$";
}

ExecReports run_pairs(const ExecOptions& options) {
  const TemporaryDirectory directory;
  const std::string out = directory.file("report.json");
  ExecReports reports;
  Progress progress(options.quiet ? Progress::Mode::kOff : Progress::Mode::kAuto);
  progress.begin(fmt::format("{} pairs of runs", options.pairs), 0.0);
  for (unsigned pair = 0; pair < options.pairs && !reports.interrupted; ++pair) {
    for (unsigned turn = 0; turn < 2; ++turn) {
      const bool is_base = (pair + turn) % 2 == 0;  // A B, B A, A B, ...
      const std::string& binary = is_base ? options.base : options.fresh;
      fs::remove(out);
      const int code = run_process(command_line(binary, options, out), directory.file("out"),
                                   directory.file("err"));
      if (code == 130 || (options.interrupted != nullptr && options.interrupted())) {
        reports.interrupted = true;
        break;
      }
      // 4 is a wrong result: the report says of which cell.
      if ((code != 0 && code != 4) || !fs::exists(out)) {
        throw ReportError(fmt::format("{} ended with {} and these words:\n{}", binary,
                                      code < 0 ? std::string("a signal") : std::to_string(code),
                                      last_words(directory.file("err"))));
      }
      add_run(is_base ? reports.base : reports.fresh, report::read_report(out), pair);
      progress.update((pair + 0.5 * (turn + 1)) / options.pairs,
                      fmt::format("pair {}/{}", pair + 1, options.pairs));
    }
  }
  progress.end();
  if (reports.interrupted) reports.base.complete = reports.fresh.complete = false;
  return reports;
}

}  // namespace ryz
