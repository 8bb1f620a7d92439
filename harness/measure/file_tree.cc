#include "harness/measure/file_tree.h"

#include <charconv>
#include <fstream>

namespace ryz {
namespace {

// /proc/cpuinfo of a machine with hundreds of CPUs is near a megabyte.
constexpr std::size_t kMostBytes = std::size_t{8} << 20;

}  // namespace

std::optional<std::string> FileTree::text(const std::string& path) const {
  std::ifstream file(root_ + "/" + path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string content;
  char block[4096];
  while (content.size() < kMostBytes) {
    file.read(block, sizeof block);
    if (file.gcount() <= 0) break;
    content.append(block, static_cast<std::size_t>(file.gcount()));
  }
  if (content.empty() && file.bad()) return std::nullopt;  // e.g. a directory
  return content;
}

std::string FileTree::line(const std::string& path) const {
  const std::vector<std::string> all = lines(path);
  return all.empty() ? "" : std::string(trimmed(all.front()));
}

std::vector<std::string> FileTree::lines(const std::string& path) const {
  const std::optional<std::string> content = text(path);
  if (!content || content->empty()) return {};
  return split_text(*content, '\n');
}

std::optional<std::uint64_t> FileTree::number(const std::string& path) const {
  return parse_number(line(path));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  text = trimmed(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace ryz
