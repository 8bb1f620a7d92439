// Flags that mean the same in every command, and what they resolve to.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/diagnose/diagnose.h"
#include "kernels/catalogue.h"

namespace ryz {

// This machine cannot do what was asked (an ISA it lacks, a build that cannot be timed): exit 7.
class EnvironmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Exit codes: never a count. See README.
enum ExitCode : int {
  kExitOk = 0,
  kExitGateFailed = 1,
  kExitUsage = 2,
  kExitNotComparable = 3,
  kExitWrong = 4,
  kExitInputOutput = 5,
  kExitGateWeak = 6,
  kExitEnvironment = 7,
  kExitIncomplete = 8,
  kExitInterrupted = 130,
};

// What the user typed for a run, before it is checked.
struct RunFlags {
  std::string model;
  std::string kernel, encoding, grain = "1,4,16", threads, phase = "all", schedule = "dynamic";
  std::string pin = "cores", scratch = "arenas", output = "aligned", region = "token";
  std::string barrier = "yield";
  std::string first_touch = "owners";
  std::string bundle, keep_fault;
  std::string topology;  // planned on, not run
  bool project = false, attribute = false;
  double dram_gbps = 0.0;  // 0: what is measured
  std::string prompt;
  std::string profile = "default";
  unsigned rounds = 0;     // 0: the profile's
  double sample_ms = 0.0;  // 0: the profile's
  std::string budget;
  std::string journal;
  bool resume = false;
  std::string inject;
  unsigned prompt_tokens = 16;
  unsigned gen_tokens = 0;
  std::uint64_t seed = 42;
  std::string filter, exclude;
  bool allow_debug = false;
  bool oversubscribe = false;
  bool quiet = false;
};

// Adds the flags of a measuring command; the struct's values are the defaults shown.
void add_run_flags(CLI::App& app, RunFlags& flags);

// Axes expanded and checked. Throws UsageError, or EnvironmentError where a kernel asked for by
// name cannot run here.
LabOptions resolve(const RunFlags& flags, const Catalogue& catalogue);

// Where --rounds was given, slow prompts get them too, however long they take: a pilot of one token
// cannot tell, for which kernels for prompts take as long as for sixteen.
// For what measures the cells that were asked for; a diagnosis of everything takes one sample of
// those.
void keep_rounds_of_slow_prompts(const RunFlags& flags, LabOptions& options);

// Kernels that `--kernel` and `--encoding` select together. `auto` (or `best`) on one of them is
// the first runnable exact pair in the catalogue's order for each value of the other.
std::vector<const Kernel*> select_kernels(const std::string& kernel, const std::string& encoding,
                                          const Catalogue& catalogue);

// "90", "90s", "10m" or "1h" in seconds. Throws UsageError.
double parse_duration(const std::string& flag, const std::string& text);

// "1,5,9" as token ids. Throws UsageError.
std::vector<std::int32_t> parse_tokens(const std::string& flag, const std::string& text);

// Thread counts of `--threads`; empty text: all physical cores (one value) or 1..min(8, cores).
std::vector<unsigned> parse_threads(const std::string& text, bool oversubscribe, bool curve);

// Where the threads of a run would be pinned on the machine that --topology describes, as a text.
std::string planned_run(const RunFlags& flags);

// Masks instruction sets for the whole process: `--without avx512f,avx2`.
void apply_without(const std::string& list);

}  // namespace ryz
