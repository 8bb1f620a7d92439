#include "harness/diagnose/ladder.h"

#include <algorithm>
#include <array>
#include <map>

#include "harness/diagnose/verdicts.h"
#include "harness/measure/tracing.h"
#include "harness/plan/faults.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

using report::Cell;
using report::LadderStage;
using report::Status;

// What the engine's documents promised for each stage; the naive product was promised nothing.
constexpr std::uint64_t kSeed = 42;  // of the bootstrap

constexpr double kSlowStage = 10.0;  // tok/s

constexpr std::array<double, 5> kPromised{0.42, 2.5, 5.0, 10.0, 55.5};

class Results {
 public:
  void add(RunResult run) {
    complete_ = complete_ && run.complete;
    for (CellResult& c : run.cells) {
      const std::string id = c.cell.id;
      if (by_id_.emplace(id, std::move(c)).second) order_.push_back(id);
    }
  }
  const CellResult* find(const CellSpec& spec) const {
    const auto it = by_id_.find(cell_id(spec));
    return it == by_id_.end() ? nullptr : &it->second;
  }
  bool complete() const { return complete_; }
  std::vector<Cell> cells() const {
    std::vector<Cell> cells;
    for (const std::string& id : order_) cells.push_back(by_id_.at(id).cell);
    return cells;
  }

 private:
  std::map<std::string, CellResult> by_id_;
  std::vector<std::string> order_;
  bool complete_ = true;
};

// Speed of a over speed of b, paired by round; empty where either has no samples.
std::optional<MeasuredRatio> ratio(const CellResult* a, const CellResult* b) {
  if (a == nullptr || b == nullptr) return std::nullopt;
  const report::Ratio r = report::paired_ratio(a->cell.samples, b->cell.samples, kSeed);
  if (r.n == 0) return std::nullopt;
  return MeasuredRatio{r, {a->cell.id, b->cell.id}};
}

CellSpec repaired(CellSpec spec) {
  spec.schedule = repaired_schedule();
  spec.pin = {};
  return spec;
}

bool is_repaired(const CellSpec& spec) { return cell_id(repaired(spec)) == cell_id(spec); }

bool is_as_found(CellSpec spec) {
  const std::string id = cell_id(spec);
  spec.schedule = as_found_schedule();
  spec.pin = {PinPolicy::kNone, {}, {}};
  return cell_id(spec) == id;
}

CellSpec with_threads(CellSpec spec, unsigned threads) {
  spec.threads = threads;
  return spec;
}

class Ladder {
 public:
  Ladder(Session& session, KernelChecks& checks, const Catalogue& catalogue,
         const LadderOptions& options, Progress& progress)
      : session_(session),
        checks_(checks),
        catalogue_(catalogue),
        options_(options),
        progress_(progress) {
    options_.run.time_wrong = true;
    options_.run.one_grain_when_slow = false;
    // A pair of rounds is the least that shows its own spread; what is slower than anyone wants is
    // shown by that.
    options_.run.slow_rounds = std::min(2U, options_.run.rounds);
    options_.run.few_samples_below_tok_per_s = kSlowStage;
    for (const Kernel* kernel : catalogue.kernels) {
      if (kernel->needs == IsaSet{}) options_.run.probes.push_back(kernel);
    }
  }

  LadderResult operator()() {
    const Kernel* simd_signs = table_kernel("sign-bits");
    const Kernel* simd_planes = table_kernel("bit-planes");
    const Kernel* scalar_signs = catalogue_.find_kernel("scalar", "sign-bits");

    std::vector<Stage> stages;
    stages.push_back({0, "naive product", as_found(nullptr, nullptr)});
    const std::string simd = simd_signs ? simd_signs->name : "avx512-gather";
    stages.push_back({1, "as found: " + simd + " requested, scalar called; sign-bits",
                      as_found(simd_signs, scalar_signs)});
    stages.push_back({2, simd + " really called", as_found(simd_signs, nullptr)});
    stages.push_back({3, "encoding repaired: bit-planes", as_found(simd_planes, nullptr)});
    stages.push_back({4, "schedule repaired", repaired(as_found(simd_planes, nullptr))});

    run_group(stages, {0}, "ladder: naive");
    run_group(stages, {1, 2}, "ladder: as found");
    run_group(stages, {3, 4}, "ladder: encoding repaired");
    run_best();
    if (options_.read_bandwidth) bandwidth_ = options_.read_bandwidth();
    if (best_)
      stages.push_back({5, "best: " + best_->kernel_name() + " " + best_->encoding_name(), *best_});

    for (const Stage& stage : stages) {
      if (!stage.spec.requested && stage.number != 0) {
        result_.stages.push_back(missing(stage));
        continue;
      }
      for (const unsigned threads : thread_counts()) judge(stage, threads);
    }
    if (best_) put_faults();
    result_.cells = results_.cells();
    if (best_) {
      if (const CellResult* r = results_.find(with_threads(*best_, options_.threads))) {
        result_.best = r->cell;
      }
    }
    result_.complete = results_.complete();
    return std::move(result_);
  }

 private:
  struct Stage {
    int number;
    std::string title;
    CellSpec spec;
  };

  std::vector<unsigned> thread_counts() const {
    return options_.threads == 1 ? std::vector<unsigned>{1}
                                 : std::vector<unsigned>{1, options_.threads};
  }

  // The engine asked for gathers; where this CPU has none, the nearest it has.
  const Kernel* table_kernel(const char* encoding) const {
    for (const char* name : {"avx512-gather", "avx2"}) {
      const Kernel* kernel = catalogue_.find_kernel(name, encoding);
      if (kernel != nullptr && why_not_runnable(*kernel).empty()) return kernel;
    }
    return nullptr;
  }

  CellSpec as_found(const Kernel* requested, const Kernel* executed) const {
    CellSpec spec;
    spec.requested = requested;
    spec.executed = executed;
    spec.schedule = as_found_schedule();
    spec.pin = {PinPolicy::kNone, {}, {}};
    spec.model = options_.model;
    return spec;
  }

  // Baseline code of the same encoding, one thread, both under the repaired schedule: at one thread
  // there is nothing to contend for, and two stages share the measurement.
  std::optional<CellSpec> scalar_of(const CellSpec& spec) const {
    if (spec.requested == nullptr) return std::nullopt;
    for (const Kernel* kernel : catalogue_.kernels) {
      if (kernel->encoding != spec.requested->encoding || kernel->needs != IsaSet{}) continue;
      if (kernel == spec.requested) return std::nullopt;
      CellSpec probe = with_threads(repaired(spec), 1);
      probe.requested = kernel;
      probe.executed = nullptr;
      return probe;
    }
    return std::nullopt;
  }

  void run_group(const std::vector<Stage>& stages, const std::vector<int>& numbers,
                 const std::string& title) {
    std::vector<CellSpec> specs;
    const auto add = [&](const CellSpec& spec) {
      const std::string id = cell_id(spec);
      for (const CellSpec& s : specs) {
        if (cell_id(s) == id) return;
      }
      specs.push_back(spec);
    };
    for (const int n : numbers) {
      const Stage& stage = stages[static_cast<std::size_t>(n)];
      if (stage.spec.requested == nullptr && n != 0) continue;
      for (const unsigned t : thread_counts()) add(with_threads(stage.spec, t));
      if (const auto probe = scalar_of(stage.spec); probe && stage.spec.executed == nullptr) {
        add(*probe);
        add(with_threads(repaired(stage.spec), 1));
      }
      if (n == 0 || options_.threads < 2) continue;
      const CellSpec all = with_threads(stage.spec, options_.threads);
      add(repaired(all));
      for (const SchedulingFault& fault : scheduling_faults()) add(without(fault, all));
    }
    if (specs.empty()) return;
    RunResult run = run_cells(session_, checks_, specs, options_.run, progress_, title);
    trace(run);
    results_.add(std::move(run));
  }

  static CellSpec without(const SchedulingFault& fault, CellSpec spec) {
    fault.repair(spec);
    return spec;
  }

  // Where the threads' time goes, of the cells with all threads; of slow ones the stages alone.
  void trace(RunResult& run) {
    if (!run.complete || options_.threads < 2) return;
    for (CellResult& r : run.cells) {
      if (r.spec.threads != options_.threads || !r.speed) continue;
      if (r.cell.few_samples && !is_repaired(r.spec) && !is_as_found(r.spec)) continue;
      if (options_.run.stop && options_.run.stop()) return;
      const CellSpec executed = options_.run.execute ? options_.run.execute(r.spec) : r.spec;
      r.cell.attribution = trace_attribution(session_, executed, options_.run.prefill_tokens);
    }
  }

  // The same with rows handed out as threads ask for them: what static blocks cost where cores or
  // rows differ.
  static CellSpec dealt_on_demand(CellSpec spec) {
    spec.schedule.loop = {LoopKind::kDynamic, auto_grain(LoopKind::kDynamic, spec.row_tile())};
    return spec;
  }

  // The fastest candidate on this very model is the last stage.
  void run_best() {
    double fastest = 0.0;
    for (const Kernel* kernel : options_.candidates) {
      CellSpec spec = repaired(as_found(kernel, nullptr));
      std::vector<CellSpec> specs;
      for (const unsigned t : thread_counts()) specs.push_back(with_threads(spec, t));
      if (const auto probe = scalar_of(spec)) specs.push_back(*probe);
      // The faults are in the same rounds as what they are compared with.
      for (const SchedulingFault& fault : scheduling_faults()) {
        CellSpec faulty = with_threads(spec, options_.threads);
        fault.put(faulty);
        if (options_.threads > 1) specs.push_back(faulty);
      }
      if (options_.threads > 1) {
        specs.push_back(dealt_on_demand(with_threads(spec, options_.threads)));
      }
      RunResult run = run_cells(session_, checks_, specs, options_.run, progress_,
                                "ladder: best, " + spec.kernel_name() + "/" + spec.encoding_name());
      trace(run);
      results_.add(std::move(run));
      const CellResult* r = results_.find(with_threads(spec, options_.threads));
      if (r != nullptr && r->cell.tok_per_s && r->cell.tok_per_s->median > fastest) {
        fastest = r->cell.tok_per_s->median;
        best_ = spec;
      }
    }
  }

  LadderStage missing(const Stage& stage) const {
    LadderStage s;
    s.stage = stage.number;
    s.title = stage.title;
    s.threads = options_.threads;
    s.status = Status::kSkipped;
    s.status_reason = "neither avx512-gather nor avx2 can run here";
    return s;
  }

  // Other exact kernels' fastest cell at as many threads, over the subject.
  void compare_with_best(const CellResult& subject, SimdEvidence& evidence) const {
    if (!best_ || !subject.speed) return;
    const CellResult* best = results_.find(with_threads(*best_, subject.spec.threads));
    if (best == nullptr || !best->cell.tok_per_s || best == &subject) return;
    evidence.other_over_subject = best->cell.tok_per_s->median / subject.speed->median;
    evidence.other_cell = best->cell.id;
  }

  void judge(const Stage& stage, unsigned threads) {
    const CellSpec spec = with_threads(stage.spec, threads);
    const CellResult* r = results_.find(spec);
    if (r == nullptr) return;
    LadderStage s;
    s.stage = stage.number;
    s.title = stage.title;
    s.threads = threads;
    s.cell_id = r->cell.id;
    s.status = r->cell.status;
    s.status_reason = r->cell.status_reason;
    s.error = r->cell.error;
    if (r->speed) {
      s.tok_per_s = r->speed->median;
      s.ci_lo = r->speed->ci_lo;
      s.ci_hi = r->speed->ci_hi;
    }
    if (options_.promised && stage.number >= 1) {
      s.promised_tok_per_s = kPromised[static_cast<std::size_t>(stage.number - 1)];
    }
    if (stage.number > 0) {
      SimdEvidence simd;
      simd.subject = &r->cell;
      simd.subject_is_baseline = spec.requested->needs == IsaSet{};
      if (const auto probe = scalar_of(spec)) {
        simd.over_scalar =
            ratio(results_.find(with_threads(repaired(spec), 1)), results_.find(*probe));
      }
      compare_with_best(*r, simd);
      s.verdicts.push_back(judge_simd(simd));
    }
    s.verdicts.push_back(judge_encoding(r->cell));
    s.verdicts.push_back(judge_threading(threading_evidence(*r)));
    if (stage.number == 5 && threads == options_.threads) result_.verdicts = s.verdicts;
    result_.stages.push_back(std::move(s));
  }

  ThreadingEvidence threading_evidence(const CellResult& subject) {
    ThreadingEvidence e;
    e.subject = &subject.cell;
    e.cpus = options_.cpus;
    const CellSpec& spec = subject.spec;
    const CellResult* one = results_.find(with_threads(spec, 1));
    if (spec.threads < 2) return e;
    if (one != nullptr) e.clock = clock_ratio(one->cell, subject.cell);
    if (const auto up = ratio(&subject, one)) {
      e.efficiency = up->ratio.ratio / static_cast<double>(spec.threads);
    }
    if (subject.cell.roofline) {
      for (const report::Bandwidth& b : bandwidth_) {
        if (b.threads == spec.threads) e.roof_ratio = subject.cell.roofline->gb_per_s / b.gb_per_s;
      }
    }
    e.is_repaired = is_repaired(spec);
    if (e.is_repaired) {
      if (auto gain = ratio(results_.find(dealt_on_demand(spec)), &subject)) {
        e.faults.push_back(
            {"IMBALANCE", "blocks of equal size for threads of unequal speed", std::move(*gain)});
      }
      return e;
    }
    e.repaired_over_subject = ratio(results_.find(repaired(spec)), &subject);
    const bool blocked = e.repaired_over_subject &&
                         e.repaired_over_subject->ratio.ratio >= kThreadingGainLimit &&
                         e.repaired_over_subject->ratio.lo > 1.0;
    if (blocked) e.faults = attribute(subject);
    return e;
  }

  // What each of the subject's faults costs: it taken out alone, in the same rounds.
  std::vector<FaultEvidence> attribute(const CellResult& subject) const {
    std::vector<FaultEvidence> evidence;
    for (const SchedulingFault& fault : scheduling_faults()) {
      const CellSpec spec = without(fault, subject.spec);
      if (cell_id(spec) == subject.cell.id) continue;
      if (auto gain = ratio(results_.find(spec), &subject)) {
        evidence.push_back({fault.code, fault.what, std::move(*gain)});
      }
    }
    return evidence;
  }

  void put_faults() {
    if (options_.threads < 2) return;
    const CellSpec spec = with_threads(*best_, options_.threads);
    const CellResult* healthy = results_.find(spec);
    for (const SchedulingFault& fault : scheduling_faults()) {
      CellSpec faulty = spec;
      fault.put(faulty);
      const CellResult* r = results_.find(faulty);
      if (r == nullptr) continue;
      report::FaultCost cost;
      cost.fault = fault.what;
      cost.threads = spec.threads;
      cost.cell_id = r->cell.id;
      cost.status = r->cell.status;
      cost.status_reason = r->cell.status_reason;
      if (r->cell.tok_per_s) cost.tok_per_s = r->cell.tok_per_s->median;
      if (const auto slower = ratio(healthy, r)) {
        cost.slowdown_ratio = slower->ratio.ratio;
        cost.ci_lo = slower->ratio.lo;
        cost.ci_hi = slower->ratio.hi;
      }
      result_.faults.push_back(std::move(cost));
    }
  }

  Session& session_;
  KernelChecks& checks_;
  const Catalogue& catalogue_;
  LadderOptions options_;
  Progress& progress_;
  Results results_;
  LadderResult result_;
  std::optional<CellSpec> best_;
  std::vector<report::Bandwidth> bandwidth_;
};

}  // namespace

LadderResult run_ladder(Session& session, KernelChecks& checks, const Catalogue& catalogue,
                        const LadderOptions& options, Progress& progress) {
  return Ladder(session, checks, catalogue, options, progress)();
}

}  // namespace ryz
