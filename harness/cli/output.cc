#include "harness/cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "reports/render/csv.h"
#include "reports/render/fix_log.h"
#include "reports/render/html.h"
#include "reports/render/junit.h"
#include "reports/render/markdown.h"
#include "reports/render/text.h"
#include "reports/report_json.h"

namespace ryz {

void add_report_outputs(CLI::App& app, ReportOutputs& o, bool always) {
  const std::string group = "Output";
  app.add_option("--out", o.out, always ? "The JSON report" : "Also write the JSON report")
      ->capture_default_str()
      ->group(group);
  add_renderings(app, o);
}

void add_renderings(CLI::App& app, ReportOutputs& o) {
  const std::string group = "Output";
  app.add_option("--format", o.format, "On stdout: text, brief, json, markdown, csv or junit")
      ->check(CLI::IsMember({"text", "brief", "json", "markdown", "csv", "junit"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--html", o.html, "Also write a page with charts: one file, opens anywhere")
      ->group(group);
  app.add_option("--markdown", o.markdown, "Also write Markdown to this file")->group(group);
  app.add_option("--csv", o.csv, "Also write the cells as CSV to this file")->group(group);
  app.add_option("--junit", o.junit, "Also write JUnit XML to this file")->group(group);
  app.add_option("--fix-log", o.fix_log,
                 "Also write the ladder as a log of repairs to this file, its graph beside it")
      ->group(group);
  app.add_flag("--all", o.all, "Print the evidence too")->group(group);
}

void check_outputs(const ReportOutputs& o) {
  for (const std::string& path : {o.out, o.markdown, o.csv, o.html, o.junit, o.fix_log}) {
    if (!path.empty()) report::check_writable(path);
  }
}

void keep_journal(const ReportOutputs& o, LabOptions& options) {
  const bool device = o.out.rfind("/dev/", 0) == 0;
  if (options.journal.empty() && !o.out.empty() && !device) options.journal = o.out + ".journal";
}

void drop_journal(const report::Report& report, const LabOptions& options) {
  if (!options.journal.empty() && report.complete) std::remove(options.journal.c_str());
}

std::string render(const report::Report& report, const std::string& format, bool all,
                   const Context& context) {
  if (format == "json") return report::to_json(report);
  if (format == "brief") return report::render_brief(report);
  if (format == "markdown") return report::render_markdown(report);
  if (format == "csv") return report::render_csv(report);
  if (format == "junit") return report::render_junit(report);
  return report::render_text(report, {context.width, context.color, all});
}

void print_result(const std::string& text) {
  const bool newline = text.empty() || text.back() != '\n';
  if (std::fputs(text.c_str(), stdout) < 0 || (newline && std::fputc('\n', stdout) < 0) ||
      std::fflush(stdout) != 0) {
    throw report::ReportError(
        fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  }
}

void deliver(const report::Report& report, const ReportOutputs& o, Context& context,
             const report::CompareResult* comparison) {
  context.verdict = report.verdict;
  context.exit_code = report.exit_code;
  if (!o.out.empty()) {
    report::write_report(report, o.out);
    fmt::print(stderr, "wrote {} ({}, {} cells)\n", o.out,
               report.complete ? "complete" : "incomplete", report.cells.size());
  }
  if (!o.markdown.empty()) report::write_file(o.markdown, report::render_markdown(report));
  if (!o.csv.empty()) report::write_file(o.csv, report::render_csv(report));
  if (!o.html.empty()) report::write_file(o.html, report::render_html(report, comparison));
  if (!o.junit.empty()) report::write_file(o.junit, report::render_junit(report));
  if (!o.fix_log.empty()) report::write_fix_log(report, o.fix_log);
  print_result(render(report, o.format, o.all, context));
}

}  // namespace ryz
