#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <regex>

#include "harness/cli/commands.h"
#include "harness/cli/exec_pairs.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"
#include "reports/compare.h"
#include "reports/render/compare_text.h"
#include "reports/render/github.h"
#include "reports/render/html.h"
#include "reports/render/junit.h"
#include "reports/render/markdown.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

struct Flags {
  std::string base, fresh;
  std::string threshold = "5%";
  double alpha = 0.05;
  std::string adjust = "bh";
  std::size_t min_rounds = 8;
  std::string gate = "default";
  std::string fail_on = "regression,missing,correctness";
  std::vector<std::string> calibrate;
  std::string allow;
  std::string format = "text";
  std::string markdown, json, html, junit;
  bool all = false;
  bool fail_on_unclear = false;
  bool allow_underpowered = false;
  bool github = false;
  bool exec = false;
  std::vector<std::string> run_flags;
  unsigned pairs = 12;
  unsigned confirm = 1;
  CLI::Option* min_rounds_given = nullptr;
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

report::FailOn parse_fail_on(const std::string& text) {
  report::FailOn fail{false, false, false, false, false};
  for (const std::string& name :
       match_names("--fail-on", text,
                   {"regression", "missing", "correctness", "inconclusive", "verdict"})) {
    if (name == "regression") fail.regression = true;
    if (name == "missing") fail.missing = true;
    if (name == "correctness") fail.correctness = true;
    if (name == "inconclusive") fail.inconclusive = true;
    if (name == "verdict") fail.verdict = true;
  }
  return fail;
}

std::function<bool(const report::Cell&)> parse_gate(const std::string& text) {
  if (text == "default") return {};
  if (text == "all") return [](const report::Cell& c) { return c.tok_per_s.has_value(); };
  try {
    const std::regex pattern(text, std::regex::ECMAScript | std::regex::optimize);
    return [pattern](const report::Cell& c) {
      return c.tok_per_s.has_value() && std::regex_search(c.id, pattern);
    };
  } catch (const std::regex_error& error) {
    throw UsageError({.id = "RZ209",
                      .message = std::string("not a regular expression: ") + error.what(),
                      .flag = "--gate",
                      .text = text,
                      .help = "default, all, or e.g. --gate 'decode/.*/t2'"});
  }
}

report::CompareOptions compare_options(const Flags& flags) {
  report::CompareOptions options;
  options.threshold = parse_threshold(flags.threshold);
  options.alpha = flags.alpha;
  options.adjust = flags.adjust == "bh"     ? report::Adjust::kBenjaminiHochberg
                   : flags.adjust == "holm" ? report::Adjust::kHolm
                                            : report::Adjust::kNone;
  options.min_rounds = flags.min_rounds;
  options.gate = parse_gate(flags.gate);
  options.fail_on = parse_fail_on(flags.fail_on);
  options.fail_on.inconclusive |= flags.fail_on_unclear;
  options.allow_underpowered = flags.allow_underpowered;
  if (!flags.allow.empty()) {
    std::vector<std::string> keys = report::comparability_keys();
    keys.emplace_back("all");
    options.allow = match_names("--allow", flags.allow, keys);
  }
  return options;
}

void add_rule_flags(CLI::App& cmd, Flags& flags) {
  const std::string group = "The rule";
  cmd.add_option("--threshold", flags.threshold, "Changes below this are none")
      ->capture_default_str()
      ->group(group);
  cmd.add_option("--alpha", flags.alpha, "Largest adjusted p of a change")
      ->check(CLI::Range(1e-9, 0.5))
      ->capture_default_str()
      ->group(group);
  cmd.add_option("--adjust", flags.adjust, "p over the gated cells: bh, holm or none")
      ->check(CLI::IsMember({"bh", "holm", "none"}))
      ->capture_default_str()
      ->group(group);
  flags.min_rounds_given = cmd.add_option("--min-rounds", flags.min_rounds,
                                          "Rounds a cell of the default gate has in base")
                               ->check(CLI::Range(2, 10000))
                               ->capture_default_str()
                               ->group(group);
  cmd.add_option("--gate", flags.gate,
                 "Which cells count: default (exact, ok, enough rounds in base), all, or a regular "
                 "expression on ids")
      ->capture_default_str()
      ->group(group);
  cmd.add_option("--fail-on", flags.fail_on,
                 "Any of regression,missing,correctness,inconclusive,verdict")
      ->capture_default_str()
      ->group(group);
  cmd.add_flag("--fail-on-unclear", flags.fail_on_unclear, "As --fail-on with inconclusive")
      ->group(group);
  cmd.add_flag("--allow-underpowered", flags.allow_underpowered,
               "Do not exit 6 where a gated cell has too few rounds to fire")
      ->group(group);
  cmd.add_option("--calibrate", flags.calibrate,
                 "Other reports of the base's code on this machine: how far equal code differs")
      ->delimiter(',')
      ->group(group);
  cmd.add_option("--allow", flags.allow, "Keys that may differ, e.g. cpu_model,llc_bytes")
      ->group(group);
}

void add_exec_flags(CLI::App& cmd, Flags& flags) {
  const std::string group = "Two binaries";
  cmd.add_flag("--exec", flags.exec,
               "BASE and NEW are ryz-lab binaries: run both in ABBA pairs; flags of their `sweep` "
               "follow --")
      ->group(group);
  cmd.add_option("--pairs", flags.pairs, "Pairs of runs")
      ->check(CLI::Range(2U, 1000U))
      ->capture_default_str()
      ->group(group);
  cmd.add_option("--confirm", flags.confirm,
                 "Measure regressed cells so many times again; all must agree")
      ->check(CLI::Range(0U, 10U))
      ->capture_default_str()
      ->group(group);
}

// Cells that did not regress again in a second measurement are unclear.
report::CompareResult confirmed(const ExecOptions& exec, const Flags& flags,
                                const report::CompareOptions& options,
                                report::CompareResult first) {
  for (unsigned i = 0; i < flags.confirm && first.verdict == "regressed"; ++i) {
    std::vector<std::string> ids;
    for (const report::CompareRow& row : first.rows) {
      if (row.gated && row.change == report::Change::kRegressed) ids.push_back(row.id);
    }
    ExecOptions again = exec;
    again.flags.emplace_back("--filter");
    again.flags.push_back(filter_of(ids));
    const ExecReports reports = run_pairs(again);
    if (reports.interrupted) return first;
    confirm_regressions(first, report::compare(reports.base, reports.fresh, options), options);
  }
  return first;
}

void add_output_flags(CLI::App& cmd, Flags& flags) {
  const std::string group = "Output";
  cmd.add_option("--format", flags.format, "On stdout: text, json or markdown")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->capture_default_str()
      ->group(group);
  cmd.add_option("--markdown", flags.markdown, "Also write a pull-request comment to this file")
      ->group(group);
  cmd.add_option("--json", flags.json, "Also write the comparison's JSON to this file")
      ->group(group);
  cmd.add_option("--html", flags.html, "Also write the new report's page, with the comparison")
      ->group(group);
  cmd.add_option("--junit", flags.junit, "Also write JUnit XML to this file")->group(group);
  cmd.add_flag("--github", flags.github,
               "Annotations for GitHub Actions on stderr, and the comment to its step summary")
      ->group(group);
  cmd.add_flag("--all", flags.all, "List the cells that did not change too")->group(group);
}

void deliver(const report::CompareResult& result, const report::Report& fresh, const Flags& flags,
             Context& context) {
  context.exit_code = result.exit_code;
  context.verdict = result.verdict;
  const std::string markdown = report::render_markdown(result, &fresh);
  if (!flags.markdown.empty()) report::write_file(flags.markdown, markdown);
  if (!flags.json.empty()) report::write_file(flags.json, report::to_json(result));
  if (!flags.html.empty()) report::write_file(flags.html, report::render_html(fresh, &result));
  if (!flags.junit.empty()) report::write_file(flags.junit, report::render_junit(result));
  if (flags.github) {
    fmt::print(stderr, "{}", report::render_github(result));
    if (const char* path = std::getenv("GITHUB_STEP_SUMMARY"); path != nullptr && *path != '\0') {
      std::ofstream(path, std::ios::app) << markdown << "\n";
    }
  }
  print_result(flags.format == "json" ? report::to_json(result)
               : flags.format == "markdown"
                   ? markdown
                   : report::render_text(result, {context.width, context.color, flags.all}));
}

void compare_binaries(const Flags& flags, report::CompareOptions options, Context& context) {
  options.paired = true;
  // As many undisturbed pairs as let one of 24 cells fire.
  if (flags.min_rounds_given->count() == 0) {
    options.min_rounds = std::min<std::size_t>(10, flags.pairs);
  }
  ExecOptions exec;
  exec.base = flags.base;
  exec.fresh = flags.fresh;
  exec.flags = flags.run_flags;
  exec.pairs = flags.pairs;
  exec.interrupted = context.interrupted;
  const ExecReports reports = run_pairs(exec);
  if (reports.interrupted) {
    context.verdict = "interrupted";
    context.exit_code = kExitInterrupted;
    return;
  }
  deliver(confirmed(exec, flags, options, report::compare(reports.base, reports.fresh, options)),
          reports.fresh, flags, context);
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
      "wrong; 5: a report cannot be read; 6: the gate cannot tell (too few rounds, or unclear);\n"
      "8: a report is incomplete.\n"
      "Examples:\n  ryz-lab compare base.json new.json\n"
      "  ryz-lab compare base.json new.json --threshold 3% --markdown pr.md\n"
      "  ryz-lab compare base.json new.json --allow cpu_model_name\n"
      "  ryz-lab compare base.json new.json --calibrate base2.json,base3.json\n"
      "  ryz-lab compare --exec base/ryz-lab new/ryz-lab -- --model small");
  cmd->add_option("BASE", flags->base, "The report (or binary) to measure against")->required();
  cmd->add_option("NEW", flags->fresh, "The report (or binary) to judge")->required();
  // A positional of its own: CLI11 hands what follows -- to the application where a command has no
  // place left for it.
  cmd->add_option("FLAGS", flags->run_flags,
                  "With --exec, after --: flags of the `sweep` that both run");
  add_rule_flags(*cmd, *flags);
  add_exec_flags(*cmd, *flags);
  add_output_flags(*cmd, *flags);
  cmd->callback([flags, &context] {
    report::CompareOptions options = compare_options(*flags);
    if (!flags->exec && !flags->run_flags.empty()) throw CLI::ExtrasError(flags->run_flags);
    for (const std::string& path : {flags->markdown, flags->json, flags->html, flags->junit}) {
      if (!path.empty()) report::check_writable(path);
    }
    if (flags->exec) return compare_binaries(*flags, std::move(options), context);
    const report::Report base = report::read_report(flags->base);
    const report::Report fresh = report::read_report(flags->fresh);
    std::vector<report::Report> calibration;
    for (const std::string& path : flags->calibrate) {
      calibration.push_back(report::read_report(path));
    }
    for (const report::Report& r : calibration) options.calibration.push_back(&r);
    deliver(report::compare(base, fresh, options), fresh, *flags, context);
  });
}

}  // namespace ryz
