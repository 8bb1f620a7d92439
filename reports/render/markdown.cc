#include "reports/render/markdown.h"

#include <fmt/format.h>

#include "reports/render/compare_text.h"
#include "reports/render/format.h"
#include "reports/render/roof_tables.h"
#include "reports/render/summary.h"
#include "reports/render/table.h"

namespace ryz::report {
namespace {

// Room for many thread counts: Markdown is not 80 columns wide.
constexpr std::size_t kTableWidth = 160;

std::string section(const std::string& title, const Table& table) {
  return "\n### " + markdown_text(title) + "\n\n" + table.markdown();
}

std::string verdict_items(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& v : verdicts) {
    text += fmt::format("- **{}: {}** {} - {}", markdown_text(v.name), state_name(v.state),
                        markdown_text(v.code), markdown_text(v.summary));
    if (!v.next_step.empty()) text += " *Next:* " + markdown_text(v.next_step);
    text += "\n";
  }
  return text;
}

// ---- comparison --------------------------------------------------------------------------------
std::string headline(const CompareResult& r) {
  const auto counted = [](std::size_t n, const char* noun) {
    return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
  };
  std::string what = r.verdict == "pass" ? "no regression" : r.verdict;
  if (!r.comparable()) {
    what = "reports are not comparable";
  } else if (r.count(Change::kInvalid) > 0) {
    what = counted(r.count(Change::kInvalid), "wrong cell");
  } else if (r.count(Change::kRegressed) > 0) {
    what = counted(r.count(Change::kRegressed), "regression");
  } else if (r.count(Change::kMissing) > 0) {
    what = counted(r.count(Change::kMissing), "missing cell");
  }
  return fmt::format("### ryz-lab: {} (gate {}, machine {})\n", what, counted(r.gated, "cell"),
                     markdown_text(r.fresh.machine_key));
}

Table row_table() {
  return Table({left("cell"), right("base"), right("new"), right("change (95 % CI)"), left("state"),
                left("why")});
}

void add_row(const CompareRow& row, Table& table) {
  const auto speed = [](const std::optional<double>& value, const std::string& status) {
    return value ? number_text(*value) : status;
  };
  std::string why = row.reason;
  if (!row.gated) why += ", not gated";
  if (!row.detail.empty()) why += ": " + row.detail.substr(0, 200);
  table.row({row.id, speed(row.base_tok_per_s, row.base_status),
             speed(row.fresh_tok_per_s, row.fresh_status), change_with_interval(row),
             change_name(row.change), std::move(why)});
}

bool folded(const CompareRow& row) {
  return !row.gated || row.change == Change::kSame || row.change == Change::kAdded;
}

// As many rows as fit into `room` bytes; the rest is counted, not dropped silently.
std::string table_within(const std::vector<const CompareRow*>& rows, std::size_t room) {
  std::size_t shown = rows.size();
  while (true) {
    Table table = row_table();
    for (std::size_t i = 0; i < shown; ++i) add_row(*rows[i], table);
    std::string text = table.markdown();
    if (text.size() <= room || shown == 0) {
      if (shown < rows.size()) {
        text += fmt::format("\n{} more cells did not fit; see the JSON document.\n",
                            rows.size() - shown);
      }
      return text;
    }
    shown = shown * 3 / 4;
  }
}

std::string differences(const CompareResult& r) {
  std::string text;
  for (const Difference& d : r.hard) {
    text += fmt::format("- **{}**: {} -> {}{}\n", markdown_text(d.key),
                        markdown_text(d.base.substr(0, 500)), markdown_text(d.fresh.substr(0, 500)),
                        d.allowed ? " (allowed)" : "");
  }
  for (const Difference& d : r.soft) {
    text +=
        fmt::format("- {}: {} -> {}\n", markdown_text(d.key), markdown_text(d.base.substr(0, 500)),
                    markdown_text(d.fresh.substr(0, 500)));
  }
  return text;
}

std::string verdict_line(const Report& fresh) {
  std::string text = "Verdicts:";
  const char* separator = " ";
  for (const Verdict& v : fresh.verdicts) {
    text += fmt::format("{}{} {}", separator, markdown_text(v.name),
                        v.state == State::kClear ? std::string("clear")
                                                 : fmt::format("**{}**", markdown_text(v.code)));
    separator = ", ";
  }
  return text + ".\n";
}

}  // namespace

std::string render_markdown(const Report& report) {
  std::string text = fmt::format("## ryz-lab {}: {} (exit {})\n\n", markdown_text(report.command),
                                 markdown_text(report.verdict), report.exit_code);
  if (!report.question.empty()) {
    text +=
        "**" + markdown_text(report.experiment) + "**: " + markdown_text(report.question) + "\n\n";
  }
  text += "- machine: " + markdown_text(machine_line(report.machine)) + "\n";
  for (const Model& model : report.models) {
    text += "- model: " + markdown_text(model_line(model)) + "\n";
  }
  text += "- plan: " + markdown_text(plan_line(report)) + "\n";
  if (!report.catalogue.empty()) {
    text += "- catalogue: " + markdown_text(catalogue_line(report)) + "\n";
  }
  text +=
      fmt::format("- report {} of {}, ryz-lab {} ({}{}), {} {}\n", markdown_text(report.report_id),
                  markdown_text(report.created_utc), markdown_text(report.tool.version),
                  markdown_text(report.tool.git_sha), report.tool.git_dirty ? ", changed" : "",
                  markdown_text(report.build.compiler), markdown_text(report.build.type));
  if (!report.verdicts.empty()) text += "\n### Verdicts\n\n" + verdict_items(report.verdicts);
  if (!report.encoding_errors.empty()) {
    text += section("Error against the activations' RMS (in brackets: by the formula)",
                    encoding_error_table(report));
  }
  if (!report.ladder.empty()) {
    text += section("Ladder: tok/s beside what was promised", ladder_table(report));
  }
  for (const auto& t : speed_tables(report, kTableWidth)) text += section(t.title, t.table);
  constexpr std::size_t kRoofRows = 20;
  for (const auto& t : roof_tables(report, kRoofRows)) text += section(t.title, t.table);
  for (const auto& t : scaling_tables(report)) text += section(t.title, t.table);
  if (!report.predictions.empty()) {
    text += section("Prediction: one thread's chunks replayed on more threads, round by round",
                    prediction_table(report));
  }
  if (!report.faults.empty()) text += section("Faults: each alone", fault_table(report));
  if (!report.gates.empty()) {
    text += "\n### Gates\n\n";
    for (const Gate& gate : report.gates) text += "- " + markdown_text(gate_line(gate)) + "\n";
  }
  if (!report.warnings.empty()) {
    text += "\n### Warnings\n\n";
    for (const auto& warning : report.warnings) text += "- " + markdown_text(warning) + "\n";
  }
  return text;
}

std::string render_markdown(const CompareResult& r, const Report* fresh) {
  std::vector<const CompareRow*> first;
  std::vector<const CompareRow*> rest;
  for (const CompareRow& row : r.rows) (folded(row) ? rest : first).push_back(&row);

  std::string text = std::string(kCommentMarker) + "\n" + headline(r) + "\n";
  text += markdown_text(compare_summary(r)) + ".\n";
  if (fresh != nullptr && !fresh->verdicts.empty()) text += "\n" + verdict_line(*fresh);
  if (!r.comparable()) {
    text +=
        "\nRun the base on the same machine with the same options, or compare nevertheless "
        "with `" +
        allow_hint(r) + "`.\n";
  }
  if (r.comparable() && !r.hint.empty()) text += "\n" + markdown_text(r.hint) + ".\n";
  if (!first.empty()) text += "\n" + table_within(first, kMaxCommentBytes / 2);
  std::string details;
  for (const auto& warning : r.warnings) {
    details += "- " + markdown_text(warning.substr(0, 500)) + "\n";
  }
  if (details.size() > 5000) details = fmt::format("- {} warnings\n", r.warnings.size());
  details += differences(r);
  details += fmt::format("- base {} ({}), new {} ({})\n", markdown_text(r.base.report_id),
                         markdown_text(r.base.git_sha), markdown_text(r.fresh.report_id),
                         markdown_text(r.fresh.git_sha));
  text += fmt::format("\n<details><summary>{} other cells, what differs, method</summary>\n\n",
                      rest.size());
  text += details;
  text +=
      "\nHodges-Lehmann shift of log(tok/s) over rounds; a change counts when it reaches the "
      "threshold, is significant over all gated cells, exceeds the cell's own noise floor and its "
      "95 % interval excludes zero.\n\n";
  constexpr const char* kEnd = "\n</details>\n";
  const std::size_t used = text.size() + 200;
  if (!rest.empty()) {
    text += table_within(rest, used < kMaxCommentBytes ? kMaxCommentBytes - used : 0);
  }
  return text + kEnd;
}

}  // namespace ryz::report
