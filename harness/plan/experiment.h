// Experiment files: one question, and what to measure for it, as strict JSON.
//
//   {"name": "grain", "question": "What does ...?", "model": "small", "grain": [1, 4, 16], ...}
//   {"name": "encoding error", "question": "...", "kind": "encoding-error",
//    "encoding": ["sign-bits"], "rms": [0.1, 0.2, 1]}
//
// Keys of a sweep are the flags of `ryz-lab sweep` without their dashes; lists are joined by
// commas, true stands for a flag without a value. A key that is unknown or given twice is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ryz {

enum class ExperimentKind : std::uint8_t {
  kSweep,          // the default
  kEncodingError,  // error of encodings against the activations' RMS
};

struct Experiment {
  std::string name;
  std::string question;
  ExperimentKind kind = ExperimentKind::kSweep;
  std::vector<std::string> flags;  // kSweep: "--grain", "1,4,16", "--oversubscribe", ...
  // kEncodingError:
  std::string encodings = "all";
  std::vector<double> rms;
  std::size_t rows = 512;
  std::size_t cols = 2560;
  std::uint64_t seed = 42;
};

// `flags`: names a sweep's keys may have, without dashes. `where` names the file in messages.
// Throws report::ReportError for what is no JSON, UsageError for keys and values that cannot be.
Experiment parse_experiment(std::string_view text, const std::string& where,
                            const std::vector<std::string>& flags);

// "experiments/001-grain.json" → "001-grain.json", in `directory`.
std::string experiment_report_path(const std::string& directory, const std::string& experiment);

}  // namespace ryz
