#include <memory>
#include <optional>

#include "harness/cli/commands.h"
#include "harness/cli/output.h"
#include "harness/plan/usage_error.h"
#include "reports/compare.h"
#include "reports/report_json.h"
#include "reports/schemas.h"

namespace ryz {

void add_report(CLI::App& app, Context& context) {
  struct Flags {
    std::string file, against;
    ReportOutputs outputs;
    bool brief = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("report", "Show a report again, in another form");
  cmd->footer(
      "Examples:\n"
      "  ryz-lab report PHASE3_DIAGNOSTIC_REPORT.json --all\n"
      "  ryz-lab report r.json --html r.html\n"
      "  ryz-lab report new.json --against base.json --html new.html\n"
      "  ryz-lab report r.json --fix-log PERFORMANCE_FIX_LOG.md\n"
      "  ryz-lab report r.json --brief");
  cmd->add_option("FILE", flags->file, "A report's JSON")->required();
  cmd->add_option("--against", flags->against,
                  "A second report as the base: the HTML page then compares them")
      ->group("Output");
  add_renderings(*cmd, flags->outputs);
  cmd->add_flag("--brief", flags->brief, "A short form for an issue: --format brief")
      ->group("Output");
  cmd->callback([flags, &context] {
    if (flags->brief) flags->outputs.format = "brief";
    if (!flags->against.empty() && flags->outputs.html.empty()) {
      throw UsageError({.id = "RZ216",
                        .message = "only the HTML page shows a comparison",
                        .flag = "--against",
                        .text = flags->against,
                        .length = flags->against.size(),
                        .help = "add --html FILE, or use `ryz-lab compare BASE NEW`"});
    }
    check_outputs(flags->outputs);
    const report::Report report = report::read_report(flags->file);
    std::optional<report::CompareResult> comparison;
    if (!flags->against.empty()) {
      comparison = report::compare(report::read_report(flags->against), report, {});
    }
    deliver(report, flags->outputs, context, comparison ? &*comparison : nullptr);
    context.exit_code = 0;  // showing a report succeeds whatever it says
  });
}

void add_schema(CLI::App& app, Context& context) {
  auto which = std::make_shared<std::string>("report");
  CLI::App* cmd = app.add_subcommand("schema", "Print the JSON Schema of a document");
  cmd->footer("Examples:\n  ryz-lab schema\n  ryz-lab schema compare > compare.schema.json");
  cmd->add_option("WHICH", *which, "report or compare")
      ->check(CLI::IsMember({"report", "compare"}))
      ->capture_default_str();
  cmd->callback([which, &context] {
    print_result(
        std::string(*which == "report" ? report::report_schema() : report::compare_schema()));
    context.verdict = "ok";
  });
}

}  // namespace ryz
