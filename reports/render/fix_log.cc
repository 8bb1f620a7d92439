#include "reports/render/fix_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "reports/files.h"
#include "reports/render/answers.h"
#include "reports/render/format.h"
#include "reports/render/summary.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

constexpr std::uint64_t kSeed = 42;  // of the intervals

struct Blocker {
  const char* verdict;
  const char* title;
  int before, after;  // stages of the ladder
  bool one_run;       // `diagnose` measures both in the same rounds
  const char* cause;
  const char* repair;
  const char* take_back;
};

// The engine's three suspected blockers, in the order they were to be repaired.
constexpr Blocker kBlockers[] = {
    {"simd", "SIMD inactive", 1, 2, true,
     "The flag of the AVX-512 gather path was never set, so every product went to scalar code "
     "although SIMD was requested.",
     "The kernel that is requested is the one that is called; kernels tally their own calls, so "
     "that a silent fallback shows.",
     "`ryz-lab --without avx512f diagnose ...` takes the instruction set away from every kernel; "
     "`--kernel scalar` asks for scalar code outright."},
    {"encoding", "Encoding wrong", 2, 3, false,
     "Row tables were built as if activations were +-1 (one sign bit each), while they are int8.",
     "The tables are looked up once for each of the eight bits of the activations and summed with "
     "their weights (`bit-planes`): equal to the naive product bit for bit.",
     "`--encoding sign-bits` brings the old tables back: such cells are marked wrong and have no "
     "speed."},
    {"threading", "Threads contending", 3, 4, true,
     "`schedule(dynamic, 1)` on rows, a lock-guarded scratch pool, outputs that share cache lines, "
     "a parallel region for each product, threads that are not pinned.",
     "Static blocks, a scratch arena for each thread, aligned outputs, one region a token, pinned "
     "threads.",
     "`--schedule dynamic --grain 1 --pin none` brings back the schedule and the pinning; the "
     "other "
     "three are the axes named below, which `ryz-lab diagnose` measures one at a time (Faults)."},
};

std::string code(const std::string& text) {
  std::string clean = ascii(text);
  std::replace(clean.begin(), clean.end(), '`', '\'');
  return "`" + clean + "`";
}

class FixLog {
 public:
  FixLog(const Report& report, const std::string& svg_name) : report_(report), svg_(svg_name) {
    std::set<unsigned> threads;
    for (const LadderStage& s : report.ladder) threads.insert(s.threads);
    threads_.assign(threads.begin(), threads.end());
  }

  std::string operator()() {
    head();
    for (const Blocker& blocker : kBlockers) section(blocker);
    beyond();
    text_ += "## Where the numbers come from\n\n";
    text_ += markdown_text(machine_line(report_.machine)) + "\n\n";
    for (const Model& m : report_.models) text_ += markdown_text(model_line(m)) + "\n\n";
    text_ += fmt::format(
        "Program: ryz-lab {}, commit {}{}, {} {}. Command: {}\n",
        markdown_text(report_.tool.version),
        report_.tool.git_sha.empty() ? "unknown" : markdown_text(report_.tool.git_sha),
        report_.tool.git_dirty ? " with changes" : "", markdown_text(report_.build.compiler),
        markdown_text(report_.build.type), code(join(report_.tool.argv, " ")));
    return std::move(text_);
  }

 private:
  const LadderStage* find(int stage, unsigned threads) const {
    for (const LadderStage& s : report_.ladder) {
      if (s.stage == stage && s.threads == threads) return &s;
    }
    return nullptr;
  }
  const LadderStage* first(int stage) const {
    for (const LadderStage& s : report_.ladder) {
      if (s.stage == stage) return &s;
    }
    return nullptr;
  }

  static std::string speed(const LadderStage* s) {
    if (s == nullptr || !s->tok_per_s) return "not measured";
    std::string text = number_text(*s->tok_per_s);
    if (s->ci_lo && s->ci_hi && *s->ci_lo < *s->ci_hi) {
      text += fmt::format(" [{}, {}]", number_text(*s->ci_lo), number_text(*s->ci_hi));
    }
    if (s->status == Status::kWrong) text += " WRONG";
    return text;
  }

  // Rounds mean the same moment only within one run, and there no two samples have the same place:
  // a report whose stages were measured otherwise is noticed.
  static bool one_run(const std::vector<Sample>& a, const std::vector<Sample>& b) {
    std::set<std::pair<unsigned, unsigned>> places;
    for (const Sample& s : a) places.insert({s.round, s.order});
    return std::none_of(b.begin(), b.end(), [&](const Sample& s) {
      return places.count({s.round, s.order}) != 0;
    });
  }

  std::string change(const LadderStage* before, const LadderStage* after, bool paired) const {
    if (before == nullptr || after == nullptr || !before->tok_per_s || !after->tok_per_s ||
        !(*before->tok_per_s > 0.0)) {
      return "-";
    }
    const Cell* from = find_cell(report_, before->cell_id);
    const Cell* to = find_cell(report_, after->cell_id);
    if (paired && from != nullptr && to != nullptr && one_run(from->samples, to->samples)) {
      const Ratio r = paired_ratio(to->samples, from->samples, kSeed);
      if (r.n > 1) {
        return fmt::format("{:.2f}x [{:.2f}, {:.2f}], paired over {} rounds", r.ratio, r.lo, r.hi,
                           r.n);
      }
    }
    return fmt::format("{:.2f}x (of medians)", *after->tok_per_s / *before->tok_per_s);
  }

  void head() {
    text_ += "# Performance fix log\n\n";
    text_ += fmt::format(
        "The engine's three suspected blockers, repaired one after the other on {}. Every number "
        "is of report {} ({}); the intervals are 95 % of the median. A step that goes down is "
        "shown as it is, and a stage marked WRONG gives wrong results: its speed counts for "
        "nothing.\n\n",
        markdown_text(report_.models.empty() ? "the model" : report_.models.back().source),
        markdown_text(report_.report_id), markdown_text(report_.created_utc));
    if (!report_.complete) text_ += "**The run was cut short: stages may be missing.**\n\n";
    text_ += fmt::format("![tok/s by stage, measured and promised](<{}>)\n\n", ascii(svg_));
    text_ += ladder_table(report_).markdown() + "\n";
  }

  void evidence(const char* when, const LadderStage* stage, const char* name) {
    if (stage == nullptr) return;
    for (const Verdict& v : stage->verdicts) {
      if (v.name != name) continue;
      text_ += fmt::format("- {} (stage {}, {} thread{}): **{}** {}: {}\n", when, stage->stage,
                           stage->threads, stage->threads == 1 ? "" : "s", state_name(v.state),
                           markdown_text(v.code), markdown_text(v.summary));
      for (const Evidence& e : v.evidence) {
        text_ += "  - " + markdown_text(e.fact);
        if (e.value) text_ += ": " + markdown_text(evidence_value(e));
        text_ += "\n";
      }
    }
  }

  // A stage as it was measured with the most threads.
  const LadderStage* widest(int stage) const {
    for (auto t = threads_.rbegin(); t != threads_.rend(); ++t) {
      if (const LadderStage* found = find(stage, *t)) return found;
    }
    return nullptr;
  }

  // "@key=value" of a cell's id.
  static std::set<std::string> axes(const std::string& id) {
    std::set<std::string> found;
    for (std::size_t at = id.find('@'); at != std::string::npos;) {
      const std::size_t end = std::min(id.find('@', at + 1), id.size());
      found.insert(id.substr(at + 1, end - at - 1));
      at = end < id.size() ? end : std::string::npos;
    }
    return found;
  }

  void section(const Blocker& b) {
    text_ += fmt::format("## {}: {}\n\n", b.before, b.title);
    text_ += fmt::format("**Cause.** {}\n\n**Repair.** {}\n\n", b.cause, b.repair);
    const LadderStage* before = first(b.before);
    const LadderStage* after = first(b.after);
    if (before == nullptr || after == nullptr) {
      text_ += "Not measured: this report's ladder lacks the stage before or after it.\n\n";
      return;
    }
    Table table({right("threads"), right("tok/s before"), right("tok/s after"),
                 left("after / before"), right("error of logits before"), right("after"),
                 right("promised")});
    for (const unsigned t : threads_) {
      const LadderStage* from = find(b.before, t);
      const LadderStage* to = find(b.after, t);
      if (from == nullptr && to == nullptr) continue;
      table.row(
          {std::to_string(t), speed(from), speed(to), change(from, to, b.one_run),
           from ? error_text(from->error.logits) : "-", to ? error_text(to->error.logits) : "-",
           to && to->promised_tok_per_s ? fmt::format("{:.4g}", *to->promised_tok_per_s) : "-"});
    }
    text_ += table.markdown();
    text_ += "\n**Evidence.**\n\n";
    evidence("before", widest(b.before), b.verdict);
    evidence("after", widest(b.after), b.verdict);
    if (std::string_view(b.verdict) == "threading" && !report_.faults.empty()) {
      text_ += "\nEach cause alone, put on the last stage:\n\n" + fault_table(report_).markdown();
    }
    text_ += fmt::format("\n**To take it back.** {}", b.take_back);
    take_back(before->cell_id, after->cell_id);
    text_ += "\n\n";
  }

  void take_back(const std::string& before, const std::string& after) {
    if (before.empty() || after.empty()) return;
    const std::set<std::string> then = axes(before);
    const std::set<std::string> now = axes(after);
    std::vector<std::string> gone;
    std::set_difference(then.begin(), then.end(), now.begin(), now.end(), std::back_inserter(gone));
    text_ +=
        fmt::format(" The cell before it is {}, the one after it {}", code(before), code(after));
    if (!gone.empty()) text_ += fmt::format("; it differs by {}", code(join(gone, " ")));
    text_ += ".";
  }

  void beyond() {
    const LadderStage* last = nullptr;
    for (const LadderStage& s : report_.ladder) {
      if (s.stage > 4 && (last == nullptr || s.threads >= last->threads)) last = &s;
    }
    if (last == nullptr) return;
    text_ += "## Beyond the checklist: the best of the catalogue\n\n";
    const LadderStage* repaired = find(4, last->threads);
    text_ +=
        fmt::format("{}: {} tok/s with {} thread{}, against {} for all three repairs ({}).\n\n",
                    markdown_text(last->title), speed(last), last->threads,
                    last->threads == 1 ? "" : "s", speed(repaired), change(repaired, last, false));
    for (const Gate& g : report_.gates) text_ += "- gate " + markdown_text(gate_line(g)) + "\n";
    if (!report_.gates.empty()) text_ += "\n";
  }

  const Report& report_;
  std::string svg_;
  std::vector<unsigned> threads_;
  std::string text_;
};

}  // namespace

std::string render_fix_log(const Report& report, const std::string& svg_name) {
  if (report.ladder.empty()) {
    throw ReportError(fmt::format(
        "report {} has no ladder, so there is no before and after; `ryz-lab diagnose` measures one",
        ascii(report.report_id)));
  }
  return FixLog(report, svg_name)();
}

void write_fix_log(const Report& report, const std::string& path) {
  const std::filesystem::path svg = std::filesystem::path(path).replace_extension(".svg");
  const std::string text = render_fix_log(report, svg.filename().string());
  write_file(svg.string(), ladder_svg(report));
  write_file(path, text);
}

}  // namespace ryz::report
