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

// A verdict's clause as a sentence of its own. What begins with a flag or a name stays as it is.
std::string sentence(std::string text) {
  const std::size_t word = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
  const bool plain = word == std::string::npos || text[word] == ' ' || text[word] == ',';
  if (plain && !text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
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
  const Effective& e = cell->effective;
  std::vector<std::string> called;
  for (const auto& [isa, calls] : e.isa_called) {
    called.push_back(fmt::format("{} call{} of code compiled for {}", calls, calls == 1 ? "" : "s",
                                 isa.empty() || isa == "baseline" ? "plain x86-64" : isa));
  }
  const std::string what =
      fmt::format("kernel {} on encoding {} with {} thread{}", cell->kernel, cell->encoding,
                  cell->threads, cell->threads == 1 ? "" : "s");
  if (called.empty()) {
    a.answer = fmt::format("Requested was {}; which code was called was not recorded.", what);
  } else if (e.called_as_requested) {
    a.answer = fmt::format("The one requested: {}. Counted by the kernels themselves: {}.", what,
                           join(called, "; "));
  } else {
    a.answer = fmt::format(
        "NOT the one requested. Requested was {}, which is code for {}; "
        "counted by the kernels themselves: {}.",
        what, e.isa_requested.empty() ? "plain x86-64" : join(e.isa_requested, " "),
        join(called, "; "));
  }
  a.answer += " Cell: " + cell->id + ".";
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
    a.answer = sentence(verdict->summary);
  } else if (cell != nullptr && cell->error.products_worst) {
    a.state = cell->status == Status::kWrong ? "blocked" : "clear";
    a.answer = fmt::format("The worst product of {} differs from the naive one by {}.", cell->id,
                           error_text(cell->error.products_worst));
  } else if (!report.encoding_errors.empty()) {
    std::set<std::string> measured;
    for (const EncodingError& e : report.encoding_errors) measured.insert(e.encoding);
    a.answer = fmt::format(
        "How wrong it is was the question: the error of {} by the RMS of the "
        "activations is measured here.",
        fmt::join(measured, ", "));
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
        " Beside it, {} cell{} of encodings that are known to be wrong and kept as examples ({}): "
        "{} no speed.",
        known, known == 1 ? "" : "s", fmt::join(encodings, ", "),
        known == 1 ? "it has" : "they have");
  }
  return a;
}

Answer how_fast(const Report& report, const Cell* cell) {
  Answer a{"How fast is it?", "No speed was measured.", ""};
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

constexpr double kPoorEfficiency = 0.7;  // worth a word beside the verdicts

// How near the cell is to what this machine was measured to reach.
std::string what_is_left(const Report& report, const Cell& cell) {
  const Roofline& r = *cell.roofline;
  std::string text = fmt::format("It reads {} GB/s of weights and tables", number_text(r.gb_per_s));
  if (r.roof_ratio) {
    text += fmt::format(", {} of the read bandwidth measured with as many threads",
                        percent_text(*r.roof_ratio));
    if (r.beside_ratio) {
      text += fmt::format(" and {} of what bare reads got right before each sample",
                          percent_text(*r.beside_ratio));
    }
  } else if (cell.weights_bytes <= report.machine.hard.llc_bytes) {
    // How fast caches can be read is no roof of this report.
    text += ", which the last-level cache has room for";
    for (const Bandwidth& b : report.read_bandwidth) {
      if (b.threads != cell.threads) continue;
      text += fmt::format(" (memory gave {} GB/s)", number_text(b.gb_per_s));
    }
  }
  if (r.gmac_ratio) {
    text += fmt::format(", and does {} of the int8 multiply-adds that this machine reaches",
                        percent_text(*r.gmac_ratio));
  }
  if (r.bound == "memory") {
    text += ": memory is the limit that is left";
  } else if (r.bound == "compute") {
    text += ": arithmetic is the limit that is left";
  } else if (r.bound == "overhead") {
    text += r.roof_ratio ? ": neither is its limit" : ": arithmetic is not its limit";
  }
  return text + ".";
}

Answer what_holds_it_back(const Report& report, const Cell* cell) {
  Answer a{"What holds it back?", "", ""};
  std::vector<std::string> blocked;
  std::vector<std::string> unknown;
  for (const Verdict& v : report.verdicts) {
    if (v.state == State::kBlocked) {
      blocked.push_back(fmt::format(
          "{}{}: {}", v.code,
          v.impact_ratio ? fmt::format(" ({:.2f} times as fast without it)", *v.impact_ratio) : "",
          sentence(v.summary)));
    } else if (v.state == State::kUnknown) {
      unknown.push_back(fmt::format("{} ({})", v.name, v.summary));
    }
  }
  if (!blocked.empty()) {
    a.state = "blocked";
    a.answer = join(blocked, " ");
  } else if (report.verdicts.empty()) {
    a.state = "unknown";
    a.answer = fmt::format("`ryz-lab {}` gives no verdicts; `ryz-lab diagnose` does.",
                           report.command.empty() ? "sweep" : report.command);
  } else if (unknown.empty()) {
    a.state = "clear";
    a.answer = "None of the three suspected blockers (SIMD, encoding, threading).";
  } else {
    a.state = "unknown";
    a.answer = "Nothing that was measured.";
  }
  if (!unknown.empty()) a.answer += " Not known: " + join(unknown, ", ") + ".";
  if (cell != nullptr && cell->threads > 1 && cell->speedup && cell->efficiency &&
      *cell->efficiency < kPoorEfficiency) {
    a.answer += fmt::format(
        " {} threads are {:.2f} times as fast as one{}.", cell->threads, *cell->speedup,
        blocked.empty() ? ", which none of the suspected scheduling faults explains" : "");
  }
  if (blocked.empty() && cell != nullptr && cell->roofline)
    a.answer += " " + what_is_left(report, *cell);
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
      steps.push_back(v.next_step);
    }
  }
  for (const Cell& c : report.cells) {
    if (c.status != Status::kWrong || c.known_wrong) continue;
    const std::string how = c.repro.empty() ? "" : ": " + c.repro;
    steps.push_back(fmt::format("Find out why {} is wrong{}", c.id, how));
    break;
  }
  if (steps.empty()) {
    for (const Verdict& v : report.verdicts) {
      if (!v.next_step.empty()) steps.push_back("nothing blocks it; " + v.next_step);
    }
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
    const std::string step = sentence(steps[i]);
    a.answer += steps.size() == 1 ? step : fmt::format("{}{}) {}", i ? " " : "", i + 1, step);
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
