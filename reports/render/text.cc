#include "reports/render/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/render/roof_tables.h"
#include "reports/render/summary.h"

namespace ryz::report {
namespace {

std::string labelled(const char* label, const std::string& text, const TextOptions& options) {
  return wrap(text, options.width, fmt::format("{:<10}", label), std::string(10, ' '));
}

std::string heading(const std::string& text, const TextOptions& options) {
  return "\n" + styled(ascii(text).substr(0, options.width), Style::kBold, options.color) + "\n";
}

std::string titled(const TitledTable& table, const TextOptions& options) {
  return heading(table.title, options) + table.table.text(options.width, "  ", options.color);
}

// Facts in a row that come from the same cells name them once, after the last.
std::string evidence_text(const std::vector<Evidence>& list, std::size_t at) {
  const Evidence& evidence = list[at];
  std::string text = evidence.fact;
  if (evidence.value) text += ": " + evidence_value(evidence);
  const bool again = at + 1 < list.size() && list[at + 1].cells == evidence.cells;
  if (!again && !evidence.cells.empty()) text += " (" + join(evidence.cells, ", ") + ")";
  return text;
}

std::string gates_text(const Report& report, const TextOptions& options) {
  if (report.gates.empty()) return {};
  std::string result = heading("GATES", options);
  for (const Gate& gate : report.gates) {
    result += wrap(gate_line(gate), options.width, "  ", "    ");
  }
  return result;
}

}  // namespace

std::string render_verdicts(const std::vector<Verdict>& verdicts, const TextOptions& options) {
  std::string result;
  for (const Verdict& v : verdicts) {
    std::string state = state_name(v.state);
    if (v.state == State::kBlocked) state = "BLOCKED";
    result += fmt::format("  {:<10} {} {}", ascii(v.name),
                          styled(fmt::format("{:<8}", state), style_of(v.state), options.color),
                          ascii(v.code));
    if (v.impact_ratio && v.state == State::kBlocked)
      result += fmt::format(" ({:.2f}x without it)", *v.impact_ratio);
    result += "\n";
    if (!v.summary.empty()) result += wrap(v.summary, options.width, "    ", "    ");
    if (options.all) {
      for (std::size_t i = 0; i < v.evidence.size(); ++i) {
        result += wrap(evidence_text(v.evidence, i), options.width, "    - ", "      ");
      }
      if (!v.rule.empty()) result += wrap("rule: " + v.rule, options.width, "    ", "      ");
    }
    if (!v.next_step.empty()) {
      result += wrap("next: " + v.next_step, options.width, "    ", "      ");
    }
  }
  return result;
}

std::string render_catalogue(const std::vector<CatalogueEntry>& catalogue,
                             const TextOptions& options) {
  return catalogue_table(catalogue).text(options.width, "", options.color);
}

std::string render_machine(const Machine& machine, const TextOptions& options) {
  std::string result = labelled("machine", machine_line(machine), options);
  const auto& soft = machine.soft;
  result += labelled("system",
                     fmt::format("kernel {}, microcode {}, governor {}, turbo {}, THP {}, ASLR {}, "
                                 "memory {}, load {:.2f}",
                                 soft.kernel, soft.microcode, soft.governor, soft.turbo, soft.thp,
                                 soft.aslr, bytes_text(soft.memory_bytes), soft.load_1min),
                     options);
  std::vector<std::string> caches;
  for (const Cache& c : machine.caches) {
    caches.push_back(fmt::format("L{} {} of {} core{}", c.level, bytes_text(c.bytes),
                                 c.shared_by_cores, c.shared_by_cores == 1 ? "" : "s"));
  }
  if (!caches.empty()) result += labelled("caches", join(caches, ", "), options);
  return result;
}

std::string render_text(const Report& report, const TextOptions& options) {
  std::string result;
  if (!report.question.empty()) result += labelled("question", report.question, options);
  result += labelled("machine", machine_line(report.machine), options);
  for (const Model& model : report.models) {
    result += labelled("model", model_line(model), options);
  }
  result += labelled("plan", plan_line(report), options);
  if (!report.catalogue.empty()) {
    result += labelled("catalogue", catalogue_line(report), options);
  }
  std::vector<std::string> roofs;
  for (const Bandwidth& b : report.read_bandwidth) {
    roofs.push_back(fmt::format("{} at t={}", number_text(b.gb_per_s), b.threads));
  }
  std::vector<std::string> rates;
  std::string by;
  for (const MultiplyRate& m : report.multiply_rate) {
    rates.push_back(fmt::format("{} at t={}", number_text(m.gmac_per_s), m.threads));
    if (!m.instructions.empty()) by = " by " + m.instructions;
  }
  if (!roofs.empty()) result += labelled("roof", "read GB/s " + join(roofs, ", "), options);
  if (!rates.empty()) {
    result +=
        labelled(roofs.empty() ? "roof" : "", "int8 GMAC/s " + join(rates, ", ") + by, options);
  }
  for (const auto& table : speed_tables(report, options.width)) result += titled(table, options);
  // All of them with --all.
  constexpr std::size_t kRoofRows = 6;
  for (const auto& table : roof_tables(report, options.all ? report.cells.size() : kRoofRows)) {
    result += titled(table, options);
  }
  for (const auto& table : scaling_tables(report)) result += titled(table, options);
  if (const auto more = curves_not_shown(report); more > 0) {
    result += fmt::format("  {} more curve{} in the report\n", more, more == 1 ? "" : "s");
  }
  if (!report.predictions.empty()) {
    result += titled({"PREDICTION: one thread's chunks replayed on more threads, round by round",
                      prediction_table(report)},
                     options);
  }
  if (!report.encoding_errors.empty()) {
    result += titled({"ERROR against the activations' RMS (in brackets: by the formula)",
                      encoding_error_table(report)},
                     options);
  }
  if (!report.ladder.empty()) {
    result += titled({"LADDER: tok/s beside what was promised", ladder_table(report)}, options);
  }
  if (!report.faults.empty()) {
    result += titled({"FAULTS: each alone on the last stage", fault_table(report)}, options);
  }
  if (!report.verdicts.empty()) {
    result += heading("VERDICTS", options) + render_verdicts(report.verdicts, options);
  }
  result += gates_text(report, options);
  if (!report.warnings.empty()) {
    result += heading("WARNINGS", options);
    for (const auto& warning : report.warnings) {
      result += wrap(warning, options.width, "  ", "    ");
    }
  }
  return result;
}

}  // namespace ryz::report
