#include "reports/render/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/render/format.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

const Verdict* find_verdict(const Report& report, const std::string& name) {
  for (const Verdict& v : report.verdicts) {
    if (v.name == name) return &v;
  }
  return nullptr;
}

std::string state_of(const Verdict* verdict) { return verdict ? state_name(verdict->state) : ""; }

std::string model_of(const Report& report, const Cell& cell) {
  if (!cell.model.empty()) return cell.model;
  return report.models.empty() ? "the model" : report.models.front().source;
}

Answer which_kernel(const Report& report, const Cell* cell) {
  Answer a{"Which kernel ran?", "", state_of(find_verdict(report, "simd"))};
  if (cell == nullptr) {
    a.answer = "No cell of this report has a speed, so none can be named.";
    if (a.state.empty()) a.state = "unknown";
    return a;
  }
  std::vector<std::string> called;
  for (const auto& [isa, calls] : cell->effective.isa_called) {
    called.push_back(isa.empty() ? "plain x86-64" : isa);
  }
  a.answer = fmt::format(
      "{} on encoding {} was requested with {} thread{} ({}); what was called is code compiled for "
      "{}{}.",
      cell->kernel, cell->encoding, cell->threads, cell->threads == 1 ? "" : "s", cell->id,
      called.empty() ? "(not recorded)" : join(called, "; "),
      called.empty()                        ? ""
      : cell->effective.called_as_requested ? ", as requested"
                                            : ": NOT what was requested");
  return a;
}

Answer is_it_right(const Report& report, const Cell* cell) {
  const Verdict* verdict = find_verdict(report, "encoding");
  Answer a{"Is it right?", "", state_of(verdict)};
  std::size_t known = 0;
  std::size_t wrong = 0;
  std::set<std::string> encodings;
  for (const Cell& c : report.cells) {
    if (c.status != Status::kWrong) continue;
    ++(c.known_wrong ? known : wrong);
    if (c.known_wrong) encodings.insert(c.encoding);
  }
  if (verdict != nullptr) {
    a.answer = verdict->summary + ".";
  } else if (cell != nullptr && cell->error.products_worst) {
    a.state = cell->status == Status::kWrong ? "blocked" : "clear";
    a.answer = fmt::format("The worst product of {} differs from the naive one by {}.", cell->id,
                           error_text(cell->error.products_worst));
  } else {
    a.state = "unknown";
    a.answer = "It was not compared with the naive product.";
  }
  if (wrong > 0) {
    a.state = "blocked";
    a.answer += fmt::format(" {} cell{} gave wrong results and should not have.", wrong,
                            wrong == 1 ? "" : "s");
  }
  if (known > 0) {
    a.answer += fmt::format(
        " {} cell{} of encodings that are kept although they are known to be wrong ({}) count{} "
        "for "
        "nothing.",
        known, known == 1 ? "" : "s", fmt::join(encodings, ", "), known == 1 ? "s" : "");
  }
  return a;
}

Answer how_fast(const Report& report, const Cell* cell) {
  Answer a{"How fast is it?", "Nothing was measured.", ""};
  if (cell != nullptr) {
    a.answer = fmt::format("{} tok/s {} on {} with {} thread{}.", throughput_text(*cell->tok_per_s),
                           cell->phase, model_of(report, *cell), cell->threads,
                           cell->threads == 1 ? "" : "s");
  }
  for (const Gate& g : report.gates) {
    a.answer += fmt::format(" Gate \"{}\": {}.", g.name,
                            g.state == "not_measured" ? "not measured" : g.state);
  }
  if (const auto half = typical_half_width(report); half && *half > 0.1) {
    a.answer += fmt::format(
        " The measurements are noisy: the typical 95 % interval is +-{} wide, so small differences "
        "mean nothing.",
        percent_text(*half));
  }
  return a;
}

Answer what_holds_it_back(const Report& report, const Cell* cell) {
  Answer a{"What holds it back?", "", ""};
  std::vector<std::string> blocked;
  std::vector<std::string> unknown;
  for (const Verdict& v : report.verdicts) {
    if (v.state == State::kBlocked) {
      blocked.push_back(fmt::format(
          "{}: {} ({}{})", v.name, v.summary, v.code,
          v.impact_ratio ? fmt::format(", {:.2f}x as fast without it", *v.impact_ratio) : ""));
    } else if (v.state == State::kUnknown) {
      unknown.push_back(fmt::format("{} ({})", v.name, v.summary));
    }
  }
  if (!blocked.empty()) {
    a.state = "blocked";
    a.answer = join(blocked, ". ") + ".";
  } else if (report.verdicts.empty()) {
    a.state = "unknown";
    a.answer = fmt::format("`ryz-lab {}` gives no verdicts; `ryz-lab diagnose` does.",
                           report.command.empty() ? "sweep" : report.command);
  } else if (unknown.empty()) {
    a.state = "clear";
    a.answer = "None of the three suspected blockers.";
  } else {
    a.state = "unknown";
    a.answer = "Nothing that was measured.";
  }
  if (!unknown.empty()) a.answer += " Not known: " + join(unknown, ", ") + ".";
  if (cell != nullptr && cell->roofline && cell->roofline->roof_ratio) {
    a.answer += fmt::format(
        " It reads {} GB/s, {} of the read bandwidth measured with as many threads.",
        number_text(cell->roofline->gb_per_s), percent_text(*cell->roofline->roof_ratio));
  }
  return a;
}

Answer what_next(const Report& report) {
  Answer a{"What to do next?", "", ""};
  std::vector<std::string> steps;
  if (!report.complete) {
    steps.emplace_back("Let the run finish: this report is incomplete");
  }
  for (const Verdict& v : report.verdicts) {
    if (v.state != State::kClear && !v.next_step.empty()) {
      steps.push_back(fmt::format("{}: {}", v.name, v.next_step));
    }
  }
  for (const Cell& c : report.cells) {
    if (c.status != Status::kWrong || c.known_wrong) continue;
    const std::string how = c.repro.empty() ? "" : ": " + c.repro;
    steps.push_back(fmt::format("Find out why {} is wrong{}", c.id, how));
    break;
  }
  if (const auto half = typical_half_width(report); half && *half > 0.1) {
    steps.emplace_back(
        "Measure again with more --rounds on a quiet machine: half of the intervals "
        "are wider than +-" +
        percent_text(*half));
  }
  if (steps.empty()) {
    a.answer = report.verdicts.empty()
                   ? "Run `ryz-lab diagnose` for verdicts."
                   : "Nothing: keep this report and let `ryz-lab compare` hold later ones to it.";
    return a;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    a.answer += fmt::format("{}{}) {}.", i ? " " : "", i + 1, steps[i]);
  }
  return a;
}

}  // namespace

std::vector<Answer> answers(const Report& report) {
  const Cell* cell = subject_cell(report);
  return {which_kernel(report, cell), is_it_right(report, cell), how_fast(report, cell),
          what_holds_it_back(report, cell), what_next(report)};
}

const Cell* find_cell(const Report& report, const std::string& id) {
  for (const Cell& cell : report.cells) {
    if (cell.id == id) return &cell;
  }
  return nullptr;
}

const Cell* subject_cell(const Report& report) {
  for (const Verdict& v : report.verdicts) {
    for (const Evidence& e : v.evidence) {
      for (const std::string& id : e.cells) {
        const Cell* cell = find_cell(report, id);
        if (cell != nullptr && cell->tok_per_s) return cell;
      }
    }
  }
  const Cell* best = nullptr;
  for (const Cell& cell : report.cells) {
    if (cell.status != Status::kOk || !cell.tok_per_s) continue;
    const bool later = best != nullptr && best->phase == "decode" && cell.phase != "decode";
    const bool earlier = best != nullptr && best->phase != "decode" && cell.phase == "decode";
    if (best == nullptr || earlier ||
        (!later && cell.tok_per_s->median > best->tok_per_s->median)) {
      best = &cell;
    }
  }
  return best;
}

std::optional<double> typical_half_width(const Report& report) {
  std::vector<double> halves;
  for (const Cell& cell : report.cells) {
    if (cell.status != Status::kOk || !cell.tok_per_s || cell.tok_per_s->n < 2) continue;
    const Throughput& t = *cell.tok_per_s;
    if (t.median > 0.0) {
      halves.push_back(std::max(t.ci_hi - t.median, t.median - t.ci_lo) / t.median);
    }
  }
  if (halves.empty()) return std::nullopt;
  return median(halves);
}

}  // namespace ryz::report
