#include "reports/render/github.h"

#include <fmt/format.h>

#include <map>

#include "reports/render/compare_text.h"

namespace ryz::report {
namespace {

// Percent, line ends and (in properties) separators would end the command.
std::string escaped(const std::string& text, bool property) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '%':
        out += "%25";
        break;
      case '\r':
        out += "%0D";
        break;
      case '\n':
        out += "%0A";
        break;
      case ':':
      case ',':
        out += !property ? std::string(1, c) : c == ':' ? "%3A" : "%2C";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string command(const char* level, const std::string& title, const std::string& message) {
  return fmt::format("::{} title={}::{}\n", level, escaped(title, true), escaped(message, false));
}

const char* level_of(Change change) {
  switch (change) {
    case Change::kInvalid:
    case Change::kRegressed:
    case Change::kMissing:
      return "error";
    case Change::kUnclear:
      return "warning";
    case Change::kImproved:
      return "notice";
    default:
      return nullptr;
  }
}

}  // namespace

std::string render_github(const CompareResult& r) {
  std::string text;
  for (const Difference& d : r.hard) {
    if (d.allowed) continue;
    text += command("error", "ryz-lab: not comparable",
                    fmt::format("{}: {} -> {}", d.key, d.base, d.fresh));
  }
  std::map<std::string, std::size_t> shown;
  constexpr std::size_t kMost = 10;
  for (const CompareRow& row : r.rows) {
    const char* level = level_of(row.change);
    if (level == nullptr || !row.gated) continue;
    if (!r.comparable() && row.change != Change::kInvalid) continue;
    if (++shown[level] > kMost) continue;
    std::string message = fmt::format("{}  {}", row.id, before_after(row));
    if (const std::string change = change_with_interval(row); !change.empty()) {
      message += "  " + change;
    }
    message += "  " + row.reason;
    if (!row.detail.empty()) message += ": " + row.detail;
    text += command(level, fmt::format("ryz-lab: {}", change_name(row.change)), message);
  }
  const char* level = r.exit_code == 0 ? "notice" : r.exit_code == 6 ? "warning" : "error";
  std::string summary = compare_summary(r);
  if (!r.hint.empty()) summary += "; " + r.hint;
  return text + command(level, fmt::format("ryz-lab: {}", r.verdict), summary);
}

}  // namespace ryz::report
