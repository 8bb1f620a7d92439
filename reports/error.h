// What goes wrong with report files: reading, writing, and their contents.
#pragma once

#include <stdexcept>
#include <string>

namespace ryz::report {

// One sentence for people: what failed, where, why, and what to do about it. Exit code 5.
class ReportError : public std::runtime_error {
 public:
  explicit ReportError(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace ryz::report
