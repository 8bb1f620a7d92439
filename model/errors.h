// Input that cannot be used: one clear sentence — what, where, why — for the person who gave it.
#pragma once

#include <stdexcept>
#include <string>

namespace ryz {

class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ryz
