#include "harness/plan/usage_error.h"

#include <algorithm>
#include <utility>

namespace ryz {
namespace {

// What is shown of the value: enough to find the place, whatever was pasted.
constexpr std::size_t kBefore = 48;
constexpr std::size_t kAfter = 48;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

// Columns a terminal needs, counting a UTF-8 character as one.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::string printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  return text;
}

std::string format_problem(const UsageProblem& p) {
  const std::string text = printable(p.text);
  const std::size_t position = std::min(p.position, text.size());
  std::size_t from = position > kBefore ? position - kBefore : 0;
  std::size_t to = std::min(text.size(), position + kAfter);
  while (from < position && continues_character(text[from])) ++from;
  while (to > position && to < text.size() && continues_character(text[to])) --to;

  const std::string before = (from > 0 ? "..." : "") + text.substr(from, position - from);
  const std::string rest = text.substr(position, to - position);
  const std::size_t marked = columns(rest.substr(0, p.length));
  std::string out = "error[" + p.id + "]: " + (p.flag.empty() ? "" : p.flag + ": ") + p.message;
  const std::string lead = p.flag.empty() ? "" : p.flag + " ";
  out += "\n  " + lead + before + rest + (to < text.size() ? "..." : "");
  out += "\n  " + std::string(columns(lead) + columns(before), ' ') +
         std::string(std::max<std::size_t>(1, marked), '^');
  if (!p.help.empty()) out += "\n  help: " + p.help;
  return out;
}

}  // namespace

UsageError::UsageError(UsageProblem problem)
    : std::runtime_error(format_problem(problem)), problem_(std::move(problem)) {}

std::string UsageError::format() const { return what(); }

}  // namespace ryz
