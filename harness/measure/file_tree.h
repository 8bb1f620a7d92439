// Small system files read below a root that tests can replace. What is missing is empty, never a
// failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ryz {

class FileTree {
 public:
  explicit FileTree(std::string root = "/") : root_(std::move(root)) {}

  // `path` is absolute, as on the real machine.
  std::optional<std::string> text(const std::string& path) const;
  std::string line(const std::string& path) const;  // the first one, trimmed; or empty
  std::vector<std::string> lines(const std::string& path) const;
  std::optional<std::uint64_t> number(const std::string& path) const;

 private:
  std::string root_;
};

std::string_view trimmed(std::string_view text);
std::vector<std::string> split_text(std::string_view text, char separator);

// The whole of `text`, blanks around it aside, as a decimal number.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ryz
