#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/config.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/plan/usage_error.h"

namespace ryz {
namespace {

struct Flags {
  RunFlags run;
  ReportOutputs outputs;
  std::string ladder = "bitnet-2b4t";
  double fail_under = 10.0;
  bool strict = false;
  CLI::Option* model = nullptr;
  CLI::Option* gate = nullptr;
};

}  // namespace

void add_diagnose(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  flags->run.model = "small";
  flags->run.kernel = flags->run.encoding = "all";
  flags->outputs.out = "PHASE3_DIAGNOSTIC_REPORT.json";
  CLI::App* cmd = app.add_subcommand(
      "diagnose", "Which kernel runs, is it right, how fast, and what holds it back: one report");
  cmd->footer(
      "Without --model the matrix of combinations runs on `small` and the ladder on\n"
      "`bitnet-2b4t`; with it, both run on that model.\n"
      "Examples:\n"
      "  ryz-lab diagnose\n"
      "  ryz-lab diagnose --model model.gguf --fail-under 10\n"
      "  ryz-lab diagnose --kernel 'avx512-*' --threads phys --phase decode\n"
      "  ryz-lab diagnose --html report.html --fix-log PERFORMANCE_FIX_LOG.md\n"
      "  ryz-lab diagnose --rounds 10 --print-config > night.json\n"
      "  ryz-lab diagnose --config night.json");
  add_run_flags(*cmd, flags->run);
  flags->model = cmd->get_option("--model");
  add_report_outputs(*cmd, flags->outputs, true);
  cmd->add_option("--ladder", flags->ladder,
                  "Model of the ladder where --model is not given, or none for no ladder")
      ->capture_default_str()
      ->group("What to measure");
  flags->gate =
      cmd->add_option("--fail-under", flags->fail_under,
                      "Exit 1 where bitnet-2b4t decodes below so many tok/s, 8 where it was not "
                      "measured [shown, not enforced, at 10]")
          ->check(CLI::PositiveNumber)
          ->group("Gates");
  cmd->add_flag("--strict", flags->strict, "Exit 1 where a verdict is blocked")->group("Gates");
  add_config_flags(*cmd, context);
  cmd->callback([flags, &context] {
    if (!flags->run.topology.empty()) {
      context.verdict = "planned";
      return print_result(planned_run(flags->run));
    }
    LabOptions options = resolve(flags->run, *context.catalogue);
    if (!options.self_test) {
      options.ladder_model =
          flags->model->count() > 0 && flags->ladder != "none" ? "" : flags->ladder;
    }
    if (!flags->outputs.fix_log.empty() && options.ladder_model == "none") {
      throw UsageError({.id = "RZ223",
                        .message = "a fix log tells the ladder, and this run has none",
                        .flag = "--fix-log",
                        .text = flags->outputs.fix_log,
                        .length = flags->outputs.fix_log.size(),
                        .help = "leave out --ladder none, and --inject"});
    }
    options.fail_under = flags->fail_under;
    options.gate_asked = flags->gate->count() > 0;
    options.strict = flags->strict;
    options.run.stop = context.interrupted;
    check_outputs(flags->outputs);
    keep_journal(flags->outputs, options);
    const report::Report report = run_diagnose(options, *context.catalogue, context.argv);
    deliver(report, flags->outputs, context);
    drop_journal(report, options);
  });
}

}  // namespace ryz
