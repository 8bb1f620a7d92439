#include "harness/diagnose/self_test.h"

#include <algorithm>

#include "harness/diagnose/kernel_probe.h"
#include "harness/diagnose/verdicts.h"
#include "harness/measure/tracing.h"
#include "kernels/cpu.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

constexpr std::uint64_t kSeed = 42;  // of the bootstrap
constexpr unsigned kControlRounds = 8;

struct Control {
  const char* code;
  const char* what;
};
constexpr Control kControls[] = {
    {"LOCK_CONTENTION", "a lock that threads wait for"},
    {"GRAIN_TOO_FINE", "chunks too small for what handing them out costs"},
    {"IMBALANCE", "blocks of unequal work for threads that wait for the slowest"},
    {"FALSE_SHARING", "results that share cache lines"},
    {"SERIAL_PART", "work that one thread does while the others wait"},
    {"OVERSUBSCRIBED", "more threads than CPUs"},
    {"UNPINNED", "threads that move between CPUs"},
};

// The subject by another way: what is not handed out in blocks is handed out as threads ask for it.
CellSpec control_of(CellSpec spec, const char* code) {
  spec.control = code;
  if (spec.control == "IMBALANCE") {
    spec.schedule.loop = {LoopKind::kDynamic,
                          std::max<std::size_t>(1, 16 / std::max<std::size_t>(1, spec.row_tile()))};
  }
  return spec;
}

std::optional<MeasuredRatio> ratio(const CellResult& a, const CellResult& b) {
  const report::Ratio r = report::paired_ratio(a.cell.samples, b.cell.samples, kSeed);
  if (r.n == 0) return std::nullopt;
  return MeasuredRatio{r, {a.cell.id, b.cell.id}};
}

report::Verdict encoding_verdict(const report::Cell& subject, const report::Cell* wrong,
                                 const std::vector<const Kernel*>& kernels) {
  EncodingEvidence evidence;
  evidence.subject = wrong != nullptr ? wrong : &subject;
  for (const Kernel* kernel : kernels) {
    if (!kernel->encoding->exact || !why_not_runnable(*kernel).empty()) continue;
    const KernelFacts facts = probe_kernel(*kernel);
    ++evidence.kernels_probed;
    const bool bad = facts.wrong_whole + facts.wrong_batch + facts.wrong_ragged > 0;
    if (bad && evidence.kernel.empty()) {
      evidence.kernel = std::string(kernel->name) + "/" + kernel->encoding->name;
      evidence.facts = facts;
    }
  }
  return judge_encoding(evidence);
}

}  // namespace

SelfTest run_self_test(Session& session, KernelChecks& checks, const Catalogue& catalogue,
                       const SelfTestPlan& plan, Progress& progress) {
  const unsigned threads = plan.threads;
  CellSpec subject = plan.subject;
  subject.phase = Phase::kDecode;
  subject.schedule = repaired_schedule();
  subject.threads = threads;
  CellSpec one = subject;
  one.threads = 1;
  std::vector<CellSpec> specs{subject, one, control_of(subject, "all")};
  for (const Control& c : kControls) specs.push_back(control_of(subject, c.code));
  // What SIMD is worth is asked of one thread without what may be wrong with the schedule, which
  // would slow the scalar code by as much.
  const CellSpec alone = control_of(one, "all");
  std::optional<CellSpec> scalar;
  for (const Kernel* k : catalogue.kernels) {
    if (k->encoding != subject.requested->encoding || k->needs != IsaSet{}) continue;
    if (k == subject.requested) break;
    scalar = alone;
    scalar->requested = k;
    specs.push_back(*scalar);
    if (threads > 1) specs.push_back(alone);
    break;
  }
  if (threads == 1) specs.erase(specs.begin() + 1);  // the subject itself
  RunOptions run = plan.run;
  run.rounds = std::max(kControlRounds, plan.run.rounds);
  run.time_wrong = true;
  run.one_grain_when_slow = false;
  run.few_samples_below_tok_per_s = 0.0;
  RunResult result = run_cells(session, checks, specs, run, progress, "self-test: controls");
  const auto find = [&](const CellSpec& spec) -> CellResult& {
    const std::string id = cell_id(spec);
    return *std::find_if(result.cells.begin(), result.cells.end(),
                         [&](const CellResult& c) { return c.cell.id == id; });
  };
  SelfTest test;
  test.complete = result.complete;
  CellResult& measured = find(subject);
  if (threads > 1 && measured.speed) {
    measured.cell.attribution = trace_attribution(
        session, run.execute ? run.execute(subject) : subject, run.prefill_tokens);
  }

  SimdEvidence simd;
  simd.subject = &measured.cell;
  simd.subject_is_baseline = subject.requested->needs == IsaSet{};
  if (scalar) simd.over_scalar = ratio(find(alone), find(*scalar));
  test.verdicts.push_back(judge_simd(simd));

  test.verdicts.push_back(encoding_verdict(measured.cell, plan.wrong, plan.kernels));

  ThreadingEvidence threading;
  threading.subject = &measured.cell;
  threading.cpus = plan.cpus;
  if (threads > 1) {
    threading.clock = clock_ratio(find(one).cell, measured.cell);
    if (const auto up = ratio(measured, find(one))) {
      threading.efficiency = up->ratio.ratio / static_cast<double>(threads);
    }
    threading.repaired_over_subject = ratio(find(control_of(subject, "all")), measured);
    for (const Control& c : kControls) {
      if (auto gain = ratio(find(control_of(subject, c.code)), measured)) {
        threading.faults.push_back({c.code, c.what, std::move(*gain)});
      }
    }
  }
  test.verdicts.push_back(judge_threading(threading));
  for (const CellResult& c : result.cells) test.cells.push_back(c.cell);
  return test;
}

}  // namespace ryz
