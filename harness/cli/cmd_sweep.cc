#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/config.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"

namespace ryz {
namespace {

struct Flags {
  RunFlags run;
  ReportOutputs outputs;
};

}  // namespace

void add_sweep(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  flags->run.model = "small";
  flags->run.kernel = flags->run.encoding = "auto";
  CLI::App* cmd =
      app.add_subcommand("sweep", "One table over any axes; the others stay at their best");
  cmd->footer(
      "Examples:\n"
      "  ryz-lab sweep --grain 1,4,16\n"
      "  ryz-lab sweep --kernel all --encoding quint --threads phys --phase decode\n"
      "  ryz-lab sweep --schedule all --grain 1-64*4 --out grain.json");
  add_run_flags(*cmd, flags->run);
  add_report_outputs(*cmd, flags->outputs, false);
  add_config_flags(*cmd, context);
  cmd->callback([flags, &context] {
    if (!flags->run.topology.empty()) {
      context.verdict = "planned";
      return print_result(planned_run(flags->run));
    }
    LabOptions options = resolve(flags->run, *context.catalogue);
    keep_rounds_of_slow_prompts(flags->run, options);
    options.run.stop = context.interrupted;
    check_outputs(flags->outputs);
    keep_journal(flags->outputs, options);
    options.self_test = false;
    const report::Report report = run_sweep(options, *context.catalogue, context.argv);
    deliver(report, flags->outputs, context);
    drop_journal(report, options);
  });
}

}  // namespace ryz
