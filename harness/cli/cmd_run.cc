#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/diagnose/report_head.h"
#include "harness/measure/encoding_error.h"
#include "harness/plan/experiment.h"
#include "harness/plan/usage_error.h"
#include "kernels/cpu.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

struct Flags {
  std::vector<std::string> files;
  std::string out_dir = "reports";
  std::string format = "text";
  bool all = false, quiet = false, allow_debug = false;
};

// The flags of a sweep in an application of their own: an experiment file is parsed by the very
// code that parses the command line.
struct SweepFlags {
  CLI::App app{"An experiment file.", "ryz-lab run"};
  RunFlags flags;
  SweepFlags() {
    flags.model = "small";
    flags.kernel = flags.encoding = "auto";
    add_run_flags(app, flags);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (name == "help" || name == "quiet" || name == "allow-debug" || name == "topology") {
          continue;
        }
        names.push_back(name);
      }
    }
    return names;
  }
};

// One file as it will be run; made for all files before the first is measured.
struct Planned {
  std::string file, out;
  Experiment experiment;
  LabOptions options;                  // kSweep
  std::vector<const Kernel*> kernels;  // kEncodingError
};

Planned plan(const std::string& file, const Flags& flags, const Context& context) {
  Planned p;
  p.file = file;
  p.out = experiment_report_path(flags.out_dir, file);
  SweepFlags sweep;
  p.experiment = parse_experiment(report::read_file(file), file, sweep.names());
  if (p.experiment.kind == ExperimentKind::kSweep) {
    std::vector<std::string> arguments = p.experiment.flags;
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      sweep.app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      throw UsageError({.id = "RZ221",
                        .message = error.what(),
                        .flag = file,
                        .text = "",
                        .help = "keys mean what the flags of `ryz-lab sweep --help` mean"});
    }
    sweep.flags.quiet = flags.quiet;
    sweep.flags.allow_debug = flags.allow_debug;
    p.options = resolve(sweep.flags, *context.catalogue);
    keep_rounds_of_slow_prompts(sweep.flags, p.options);
    p.options.run.stop = context.interrupted;
  } else {
    // Any kernel of an encoding shows its error; the scalar one runs everywhere.
    p.kernels = select_kernels("scalar", p.experiment.encodings, *context.catalogue);
    p.options.axes.kernels = p.kernels;
    p.options.seed = p.experiment.seed;
  }
  report::check_writable(p.out);
  return p;
}

report::Report run_encoding_error(const Planned& p, const Context& context) {
  report::Report report = begin_report("run", context.argv, p.options, *context.catalogue);
  const EncodingErrorOptions options{p.experiment.rows, p.experiment.cols, p.experiment.seed};
  for (const Kernel* kernel : p.kernels) {
    for (const EncodingErrorPoint& point : encoding_error(*kernel, p.experiment.rms, options)) {
      report.encoding_errors.push_back(
          {kernel->encoding->name, kernel->name, point.rms, point.actual_rms, point.error,
           expected_encoding_error(*kernel->encoding, point.actual_rms)});
    }
  }
  report.complete = true;
  report.verdict = "measured";
  report.exit_code = 0;
  return report;
}

// Of several codes the one that says most, in the order of the README.
int worse(int a, int b) {
  constexpr int kOrder[] = {kExitInterrupted, kExitWrong,    kExitGateFailed,
                            kExitIncomplete,  kExitGateWeak, kExitOk};
  for (const int code : kOrder) {
    if (a == code || b == code) return code;
  }
  return std::max(a, b);
}

void run_experiments(const Flags& flags, Context& context) {
  std::filesystem::create_directories(flags.out_dir);
  std::vector<Planned> planned;
  for (const std::string& file : flags.files) {
    planned.push_back(plan(file, flags, context));
    const std::string& out = planned.back().out;
    if (std::count_if(planned.begin(), planned.end(),
                      [&](const Planned& p) { return p.out == out; }) > 1) {
      throw UsageError({.id = "RZ222",
                        .message = "two experiments would write " + out,
                        .flag = file,
                        .text = "",
                        .help = "give their files different names"});
    }
    if (std::filesystem::exists(out) && std::filesystem::equivalent(out, file)) {
      throw UsageError({.id = "RZ222",
                        .message = "the report would replace the experiment itself",
                        .flag = "--out-dir",
                        .text = flags.out_dir,
                        .help = "name another folder"});
    }
  }
  context.verdict = "measured";
  for (const Planned& p : planned) {
    if (context.interrupted != nullptr && context.interrupted()) break;
    if (!flags.quiet) fmt::print(stderr, "{}: {}\n", p.file, p.experiment.question);
    report::Report report = p.experiment.kind == ExperimentKind::kEncodingError
                                ? run_encoding_error(p, context)
                                : run_sweep(p.options, *context.catalogue, context.argv);
    report.command = "run";
    report.experiment = p.experiment.name;
    report.question = p.experiment.question;
    report::write_report(report, p.out);
    fmt::print(stderr, "wrote {} ({})\n", p.out, report.complete ? "complete" : "incomplete");
    print_result(fmt::format("== {}\n", p.experiment.name) +
                 render(report, flags.format, flags.all, context));
    if (worse(context.exit_code, report.exit_code) != context.exit_code) {
      context.exit_code = report.exit_code;
      context.verdict = report.verdict;
    }
  }
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("run", "Experiment files, one report each");
  cmd->footer(
      "A file holds a name, a question and the flags of a sweep as keys. All files are read and\n"
      "checked before the first is measured.\n"
      "Examples:\n  ryz-lab run experiments/*.json\n"
      "  ryz-lab run experiments/007-encoding-error.json --out-dir /tmp");
  cmd->add_option("files", flags->files, "Experiment files")->required();
  cmd->add_option("--out-dir", flags->out_dir, "Where NNN-slug.json reports go")
      ->capture_default_str();
  cmd->add_option("--format", flags->format, "On stdout: text, markdown or csv")
      ->check(CLI::IsMember({"text", "markdown", "csv"}))
      ->capture_default_str();
  cmd->add_flag("--all", flags->all, "Print the evidence too");
  cmd->add_flag("--allow-debug", flags->allow_debug,
                "Time an unoptimised or sanitized build all the same");
  cmd->add_flag("-q,--quiet", flags->quiet, "No progress");
  cmd->callback([flags, &context] { run_experiments(*flags, context); });
}

}  // namespace ryz
