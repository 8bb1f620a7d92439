// One function a command: adds it to the application. The callback leaves its exit code in
// `Outcome`; what it throws becomes an error line and a code in main.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "kernels/catalogue.h"

namespace ryz {

struct Context {
  const Catalogue* catalogue = nullptr;
  std::vector<std::string> argv;   // with the flags of --config
  std::vector<std::string> typed;  // without
  bool (*interrupted)() = nullptr;
  unsigned width = 80;  // of the terminal
  bool color = false;
  // Set by the command:
  int exit_code = 0;
  std::string verdict = "ok";
};

void add_diagnose(CLI::App& app, Context& context);
void add_sweep(CLI::App& app, Context& context);
void add_compare(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_eval(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_schema(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);

}  // namespace ryz
