#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/output.h"
#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"
#include "reports/compare.h"
#include "reports/render/compare_text.h"
#include "reports/render/html.h"
#include "reports/render/junit.h"
#include "reports/render/markdown.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

struct Flags {
  std::string base, fresh;
  std::string threshold = "5%";
  std::string allow;
  std::string format = "text";
  std::string markdown, json, html, junit;
  bool all = false;
  bool fail_on_unclear = false;
};

// "5%" or "0.05".
double parse_threshold(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool percent = std::string_view(end) == "%";
  const double ratio = percent ? value / 100.0 : value;
  if (end == text.c_str() || (!percent && *end != '\0') || !(ratio > 0.0 && ratio < 1.0)) {
    throw UsageError({.id = "RZ215",
                      .message = "a threshold is a share between 0 and 100 %",
                      .flag = "--threshold",
                      .text = text,
                      .length = text.empty() ? 1 : text.size(),
                      .help = "e.g. --threshold 5%"});
  }
  return ratio;
}

}  // namespace

void add_compare(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd =
      app.add_subcommand("compare", "What got slower, faster, wrong or lost between two reports");
  cmd->footer(
      "Exit 0: nothing got worse; 1: a gated cell regressed or is missing; 3: the reports cannot "
      "be\n"
      "compared (each differing key is named; --allow takes them one by one); 4: a cell turned\n"
      "wrong; 5: a report cannot be read; 6: no cell could be gated.\n"
      "Examples:\n  ryz-lab compare base.json new.json\n"
      "  ryz-lab compare base.json new.json --threshold 3% --markdown pr.md\n"
      "  ryz-lab compare base.json new.json --allow cpu_model_name");
  cmd->add_option("BASE", flags->base, "The report to measure against")->required();
  cmd->add_option("NEW", flags->fresh, "The report to judge")->required();
  cmd->add_option("--threshold", flags->threshold, "Changes below this are none")
      ->capture_default_str();
  cmd->add_option("--allow", flags->allow, "Keys that may differ, e.g. cpu_model,llc_bytes");
  cmd->add_flag("--fail-on-unclear", flags->fail_on_unclear,
                "Exit 6 where a gated cell is UNCLEAR");
  cmd->add_option("--format", flags->format, "On stdout: text, json or markdown")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->capture_default_str();
  cmd->add_option("--markdown", flags->markdown, "Also write a pull-request comment to this file");
  cmd->add_option("--json", flags->json, "Also write the comparison's JSON to this file");
  cmd->add_option("--html", flags->html, "Also write the new report's page, with the comparison");
  cmd->add_option("--junit", flags->junit, "Also write JUnit XML to this file");
  cmd->add_flag("--all", flags->all, "List the cells that did not change too");
  cmd->callback([flags, &context] {
    report::CompareOptions options;
    options.threshold = parse_threshold(flags->threshold);
    options.fail_on_unclear = flags->fail_on_unclear;
    if (!flags->allow.empty()) {
      std::vector<std::string> keys = report::comparability_keys();
      keys.emplace_back("all");
      options.allow = match_names("--allow", flags->allow, keys);
    }
    for (const std::string& path : {flags->markdown, flags->json, flags->html, flags->junit}) {
      if (!path.empty()) report::check_writable(path);
    }
    const report::Report base = report::read_report(flags->base);
    const report::Report fresh = report::read_report(flags->fresh);
    const report::CompareResult result = report::compare(base, fresh, options);
    context.exit_code = result.exit_code;
    context.verdict = result.verdict;
    const std::string markdown = report::render_markdown(result, &fresh);
    if (!flags->markdown.empty()) report::write_file(flags->markdown, markdown);
    if (!flags->json.empty()) report::write_file(flags->json, report::to_json(result));
    if (!flags->html.empty()) report::write_file(flags->html, report::render_html(fresh, &result));
    if (!flags->junit.empty()) report::write_file(flags->junit, report::render_junit(result));
    print_result(flags->format == "json" ? report::to_json(result)
                 : flags->format == "markdown"
                     ? markdown
                     : report::render_text(result, {context.width, context.color, flags->all}));
  });
}

}  // namespace ryz
