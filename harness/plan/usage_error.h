// A mistake in what the user typed: what, where, why, and how to put it right.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace ryz {

// Ids are stable: scripts may look for them.
//   RZ201 unknown name or keyword      RZ205 number too large
//   RZ202 not a positive integer       RZ206 too many values
//   RZ203 step or factor too small     RZ207 empty list or item
//   RZ204 range runs backwards         RZ208 pattern matches nothing
struct UsageProblem {
  std::string id;
  std::string message;
  std::string flag;          // "--grain"
  std::string text;          // the flag's whole value
  std::size_t position = 0;  // where in it, in bytes
  std::size_t length = 1;    // how much of it
  std::string help;          // one line, or empty
};

class UsageError : public std::runtime_error {
 public:
  explicit UsageError(UsageProblem problem);

  const UsageProblem& problem() const { return problem_; }
  const std::string& id() const { return problem_.id; }

  // error[RZ203]: --grain: step must be positive
  //   --grain 1:16:+0
  //                ^^
  //   help: try ...
  // Three or four lines, no newline at the end. The same as what().
  std::string format() const;

 private:
  UsageProblem problem_;
};

}  // namespace ryz
