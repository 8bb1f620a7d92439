#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/measure/machine.h"
#include "harness/plan/usage_error.h"
#include "kernels/kernel_bench.h"

namespace ryz {
namespace {

// The products of bitnet-2b4t: attention in and out, key and value, feed-forward in and out.
constexpr const char* kShapes = "2560x2560,640x2560,6912x2560,2560x6912";

std::vector<ProductShape> parse_shapes(const std::string& text) {
  std::vector<ProductShape> shapes;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    ProductShape shape;
    if (!parse_shape(text.substr(at, end - at), &shape)) {
      throw UsageError({.id = "RZ214",
                        .message = "a shape is ROWSxCOLS or ROWSxCOLSxTOKENS",
                        .flag = "--shapes",
                        .text = text,
                        .position = at,
                        .length = std::max<std::size_t>(1, end - at),
                        .help = "e.g. --shapes 6912x2560x1,2560x2560x16"});
    }
    shapes.push_back(shape);
    at = end + 1;
  }
  return shapes;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  struct Flags {
    std::string kernel = "all", encoding = "all", shapes = kShapes;
    bool allow_debug = false;
    std::vector<std::string> benchmark;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd =
      app.add_subcommand("bench", "Google Benchmark over kernels and shapes, one thread, in cache");
  cmd->footer(
      "What follows `--` goes to Google Benchmark. A kernel whose product is wrong is not timed "
      "(exit 4).\n"
      "Examples:\n  ryz-lab bench --encoding 'two-bit*'\n"
      "  ryz-lab bench --shapes 6912x2560x16 -- --benchmark_format=json");
  cmd->add_option("--kernel", flags->kernel, "Kernels: names, globs, all")->capture_default_str();
  cmd->add_option("--encoding", flags->encoding, "Encodings: names, globs, all")
      ->capture_default_str();
  cmd->add_option("--shapes", flags->shapes, "ROWSxCOLS[xTOKENS],...")->capture_default_str();
  cmd->add_flag("--allow-debug", flags->allow_debug,
                "Time an unoptimised or sanitized build all the same");
  // A positional, as compare's: CLI11 hands what follows -- to the application otherwise.
  cmd->add_option("FLAGS", flags->benchmark, "After --: flags of Google Benchmark");
  cmd->callback([flags, &context] {
    if (const std::string reason = why_not_timeable(); !reason.empty() && !flags->allow_debug) {
      throw EnvironmentError("this binary was " + reason +
                             ": its timings mean nothing; --allow-debug runs it all the same");
    }
    std::vector<std::string> arguments = flags->benchmark;
    for (const std::string& a : arguments) {
      if (a.rfind("--benchmark_", 0) != 0 && a.rfind("--v=", 0) != 0) {
        throw CLI::ExtrasError({a});
      }
    }
    const std::size_t wrong =
        run_kernel_benchmarks(select_kernels(flags->kernel, flags->encoding, *context.catalogue),
                              parse_shapes(flags->shapes), std::move(arguments));
    context.exit_code = wrong > 0 ? kExitWrong : kExitOk;
    context.verdict = wrong > 0 ? "wrong" : "measured";
  });
}

}  // namespace ryz
