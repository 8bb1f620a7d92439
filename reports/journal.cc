#include "reports/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "reports/files.h"
#include "reports/report_fields.h"

namespace ryz::report {
namespace {

using detail::Json;
using detail::OrderedJson;
using detail::Place;
using detail::Reader;
using detail::Writer;

constexpr const char* kJournalVersion = "1.0.0";

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw ReportError(fmt::format("journal {}: {}", path, why));
}

std::string dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string header_line(const JournalHeader& header) {
  OrderedJson json;
  json["schema"] = {{"name", kJournalSchemaName}, {"version", kJournalVersion}};
  json["config_hash"] = header.config_hash;
  json["machine_key"] = header.machine_key;
  return dump(json);
}

int open_file(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CREAT | O_CLOEXEC | O_WRONLY, 0644);
  if (fd < 0) fail(path, fmt::format("cannot be written: {}", std::strerror(errno)));
  return fd;
}

std::uint64_t monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000000000U + static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(std::move(other.header_)),
      next_section_(other.next_section_),
      kept_(other.kept_),
      warning_(std::move(other.warning_)),
      synced_ns_(other.synced_ns_),
      plans_(std::move(other.plans_)),
      samples_(std::move(other.samples_)) {}

Journal::~Journal() {
  if (fd_ < 0) return;
  ::fdatasync(fd_);
  ::close(fd_);
}

Journal Journal::create(const std::string& path, const JournalHeader& header) {
  check_writable(path);
  Journal journal(path, -1);
  journal.header_ = header_line(header);
  return journal;
}

Journal Journal::resume(const std::string& path, const JournalHeader& header) {
  if (::access(path.c_str(), F_OK) != 0) return create(path, header);
  std::string text = read_file(path);
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  const bool torn = whole != text.size();
  text.resize(whole);
  if (text.empty()) return create(path, header);  // killed within its first line
  Journal journal(path, open_file(path, O_APPEND));
  journal.read(text, header);
  if (torn) {
    journal.warning_ = fmt::format("journal {}: its torn last line is left out", path);
    if (::ftruncate(journal.fd_, static_cast<off_t>(whole)) != 0) {
      fail(path, fmt::format("its torn last line cannot be cut off: {}", std::strerror(errno)));
    }
  }
  return journal;
}

void Journal::read(const std::string& text, const JournalHeader& header) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    const std::string where = fmt::format("{} line {}", path_, number);
    Json json;
    try {
      json = Json::parse(line);
    } catch (const Json::exception&) {
      fail(path_, fmt::format("line {} is no JSON; start again without --resume", number));
    }
    const Place root{nullptr, where};
    Reader reader(json, root);
    if (number == 1) {
      JournalHeader found;
      std::string name;
      std::string version;
      reader.group("schema", [&](Reader& schema) {
        schema("name", name);
        schema("version", version);
      });
      reader("config_hash", found.config_hash);
      reader("machine_key", found.machine_key);
      if (name != kJournalSchemaName || version.rfind("1.", 0) != 0) {
        fail(path_, "it is no journal that this ryz-lab reads");
      }
      if (found.machine_key != header.machine_key) {
        fail(path_, fmt::format("it is of another machine (key {}, this one {}); start again "
                                "without --resume",
                                found.machine_key, header.machine_key));
      }
      if (found.config_hash != header.config_hash) {
        fail(path_, fmt::format("it is of another configuration or program ({}, this one {}); use "
                                "the same flags and binary, or start again without --resume",
                                found.config_hash, header.config_hash));
      }
      continue;
    }
    unsigned section = 0;
    std::string cell;
    reader("section", section);
    reader("cell", cell);
    const auto key = std::make_pair(section, cell);
    if (json.contains("sample")) {
      Sample sample;
      reader("sample", sample);
      samples_[key][sample.round].push_back(sample);
      ++kept_;
    } else {
      SamplePlan& plan = plans_[key];
      reader.group("plan", [&](Reader& p) {
        p("tokens", plan.tokens);
        p("repeats", plan.repeats);
        p("few_samples", plan.few_samples);
      });
    }
  }
}

std::optional<SamplePlan> Journal::plan(unsigned section, const std::string& cell) const {
  const auto it = plans_.find({section, cell});
  return it == plans_.end() ? std::nullopt : std::optional(it->second);
}

const std::vector<Sample>* Journal::samples(unsigned section, const std::string& cell,
                                            unsigned round) const {
  const auto it = samples_.find({section, cell});
  if (it == samples_.end()) return nullptr;
  const auto found = it->second.find(round);
  return found == it->second.end() ? nullptr : &found->second;
}

void Journal::add(unsigned section, const std::string& cell, const SamplePlan& plan) {
  OrderedJson json;
  Writer writer(json);
  writer("section", section);
  writer("cell", cell);
  writer.group("plan", [&](Writer& p) {
    p("tokens", plan.tokens);
    p("repeats", plan.repeats);
    p("few_samples", plan.few_samples);
  });
  write(dump(json));
}

void Journal::add(unsigned section, const std::string& cell, const Sample& sample) {
  OrderedJson json;
  Writer writer(json);
  writer("section", section);
  writer("cell", cell);
  writer("sample", sample);
  write(dump(json));
}

void Journal::write(const std::string& line) {
  if (fd_ < 0) {
    fd_ = open_file(path_, O_TRUNC);
    write(header_);
  }
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(path_, fmt::format("cannot be written: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(n);
  }
  constexpr std::uint64_t kSecond = 1000000000U;
  const std::uint64_t now = monotonic_ns();
  if (now - synced_ns_ >= kSecond) {
    ::fdatasync(fd_);
    synced_ns_ = now;
  }
}

std::string config_hash(const Report& report, const std::vector<std::string>& more) {
  OrderedJson json;
  Writer writer(json);
  writer("command", report.command);
  writer("config", report.config);
  writer("build", report.build);
  writer("version", report.tool.version);
  writer("git_sha", report.tool.git_sha);
  writer("more", more);
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : dump(json)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace ryz::report
