// `--config FILE` and `--print-config`: a command's flags as one JSON object whose keys are the
// flags' names without dashes: {"model": "small", "rounds": 10, "threads": "1-8", "strict": true}.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "harness/cli/commands.h"

namespace ryz {

// Both flags, for a command whose other flags have been added already. Printing ends the program:
// the effective values go to stdout, as a file that --config takes; where each one that is no
// default comes from goes to stderr.
void add_config_flags(CLI::App& command, const Context& context);

// Arguments with the flags of the file that `--config` names, as if they had been typed; a flag
// that was typed wins. Throws UsageError for a key that is no flag of the command, with the nearest
// one, and for a value that is none; ReportError where the file cannot be read or is no JSON.
std::vector<std::string> with_config(const std::vector<std::string>& argv, const CLI::App& app);

}  // namespace ryz
