#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/output.h"
#include "reports/report_json.h"
#include "reports/schemas.h"

namespace ryz {

void add_report(CLI::App& app, Context& context) {
  struct Flags {
    std::string file;
    ReportOutputs outputs;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("report", "Show a report again, in another form");
  cmd->footer(
      "Examples:\n  ryz-lab report PHASE3_DIAGNOSTIC_REPORT.json --all\n"
      "  ryz-lab report r.json --format markdown");
  cmd->add_option("FILE", flags->file, "A report's JSON")->required();
  cmd->add_option("--format", flags->outputs.format, "text, json, markdown or csv")
      ->check(CLI::IsMember({"text", "json", "markdown", "csv"}))
      ->capture_default_str();
  cmd->add_option("--markdown", flags->outputs.markdown, "Also write Markdown to this file");
  cmd->add_option("--csv", flags->outputs.csv, "Also write the cells as CSV to this file");
  cmd->add_flag("--all", flags->outputs.all, "Print the evidence too");
  cmd->callback([flags, &context] {
    check_outputs(flags->outputs);
    const report::Report report = report::read_report(flags->file);
    deliver(report, flags->outputs, context);
    context.exit_code = 0;  // showing a report succeeds whatever it says
  });
}

void add_schema(CLI::App& app, Context& context) {
  auto which = std::make_shared<std::string>("report");
  CLI::App* cmd = app.add_subcommand("schema", "Print the JSON Schema of a document");
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
