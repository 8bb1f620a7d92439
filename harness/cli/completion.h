// Completion scripts for shells, made from the commands and flags the program really has.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "kernels/catalogue.h"

namespace ryz {

// `shell`: bash, zsh or fish.
std::string completion_script(const std::string& shell, const CLI::App& app,
                              const Catalogue& catalogue);

}  // namespace ryz
