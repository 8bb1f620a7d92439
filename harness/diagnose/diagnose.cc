#include "harness/diagnose/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <regex>

#include "harness/diagnose/ladder.h"
#include "harness/diagnose/projection.h"
#include "harness/diagnose/report_head.h"
#include "harness/diagnose/roofline.h"
#include "harness/diagnose/scaling.h"
#include "harness/diagnose/self_test.h"
#include "harness/measure/calibration.h"
#include "harness/measure/machine.h"
#include "harness/measure/perf_counters.h"
#include "harness/measure/reference_work.h"
#include "harness/measure/roofs.h"
#include "harness/measure/tracing.h"
#include "harness/plan/usage_error.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using report::Cell;
using report::Report;
using report::Status;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool same_shape(const Config& a, const Config& b) {
  return a.embd == b.embd && a.ffn == b.ffn && a.layers == b.layers && a.heads == b.heads &&
         a.kv_heads == b.kv_heads && a.vocab == b.vocab;
}

bool is_2b4t(const Config& config) { return same_shape(config, *find_preset("2b4t")); }

std::regex compile(const std::string& flag, const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw UsageError({.id = "RZ209",
                      .message = std::string("not a regular expression: ") + error.what(),
                      .flag = flag,
                      .text = pattern,
                      .help = "e.g. --filter 'decode/.*/t2'"});
  }
}

std::vector<CellSpec> planned_cells(const LabOptions& options) {
  std::vector<CellSpec> cells = expand(options.axes);
  const auto keep_if = [&](const std::string& flag, const std::string& pattern, bool matching) {
    if (pattern.empty()) return;
    const std::regex re = compile(flag, pattern);
    std::erase_if(cells, [&](const CellSpec& spec) {
      return std::regex_search(cell_id(spec), re) != matching;
    });
  };
  keep_if("--filter", options.filter, true);
  keep_if("--exclude", options.exclude, false);
  if (cells.empty()) {
    throw UsageError({.id = "RZ210",
                      .message = "no cell is left to measure",
                      .flag = "--filter",
                      .text = options.filter,
                      .help = "`ryz-lab list cells` prints the cells' ids"});
  }
  return cells;
}

// Everything a run of either command shares.
class Lab {
 public:
  Lab(const LabOptions& options, const Catalogue& catalogue, Report& report)
      : options_(options),
        catalogue_(catalogue),
        report_(report),
        progress_(options.quiet ? Progress::Mode::kOff : Progress::Mode::kAuto),
        cpus_(machine_cpus()) {
    for (const unsigned t : options_.axes.threads) most_ = std::max(most_, t);
    all_cores_ = std::max(1U, runnable_cores(report.machine));
    specs_ = planned_cells(options_);
  }

  void matrix() {
    Session session = open(options_.model);
    report_.models.push_back(describe_model(session.weights()));
    matrix_config_ = session.weights().config;
    fill_table_bytes(report_, session.weights().config, catalogue_);
    if (options_.roofs) measure_bandwidth();
    session.truth();
    KernelChecks checks(session);
    RunOptions matrix_options = options_.run;
    if (matrix_options.deadline && wants_ladder()) {
      // The ladder's models take as long as the matrix does.
      matrix_options.deadline = Clock::now() + (*options_.run.deadline - Clock::now()) / 2;
    }
    RunResult run = run_cells(session, checks, specs_, matrix_options, progress_,
                              "matrix on " + session.weights().source);
    report_.config.prompt = session.options().prompt;
    complete_ = run.complete;
    if (run.rounds_left_out) {
      report_.warnings.emplace_back("rounds were left out to hold --budget");
    }
    if (!complete_ && options_.run.stop_at && Clock::now() > *options_.run.stop_at) {
      report_.warnings.emplace_back(
          "--budget ended before every cell had its first rounds: give it more, or fewer cells");
    }
    if (options_.self_test && complete_) self_test(session, checks, run);
    if (complete_) trace_cells(session, run);
    for (CellResult& r : run.cells) {
      r.cell.repro = repro(r.cell);
      results_.emplace_back(r.spec.requested, r.cell);
      report_.cells.push_back(std::move(r.cell));
    }
    if (wants_ladder() && ladder_model() == options_.model && complete_) {
      ladder(session, checks);
    }
  }

  void ladder_on_other_model() {
    if (!wants_ladder() || ladder_model() == options_.model || !complete_) return;
    Session session = open(ladder_model());
    report_.models.push_back(describe_model(session.weights()));
    KernelChecks checks(session);
    ladder(session, checks);
  }

  void conclude() {
    for (Cell& cell : report_.cells) fill_roofline(report_, ReferenceWork::kWindowBytes, cell);
    report_.curves =
        scaling_curves(report_.cells, std::max(options_.curve_threads, most_), all_cores_);
    for (report::Curve& curve : report_.curves) {
      if (curve.points.empty()) continue;
      const auto source = projections_.find(curve.points.front().cell_id);
      if (source == projections_.end()) continue;
      project_curve(curve, source->second, {report_.read_bandwidth, report_.multiply_rate},
                    options_.dram_gbps, all_cores_);
      hold_against_measured(curve, source->second);
    }
    report_.complete = complete_;
  }

  bool complete() const { return complete_; }
  const std::optional<Cell>& best() const { return best_; }

 private:
  Session open(const std::string& model) {
    progress_.begin("loading " + model, 0.0);
    Team loader({std::max(1U, all_cores_), cpus_});
    Weights weights = open_model(model, options_.seed, loader);
    SessionOptions session;
    session.prompt = options_.prompt;
    session.context = std::max<std::size_t>(
        {64, options_.run.prefill_tokens, options_.run.decode_tokens, options_.prompt.size()});
    session.cpus = cpus_;
    session.max_threads = all_cores_;
    progress_.end();
    return {std::move(weights), std::move(session)};
  }

  bool wants_ladder() const {
    return report_.command == "diagnose" && options_.ladder_model != "none";
  }
  std::string ladder_model() const {
    return options_.ladder_model.empty() ? options_.model : options_.ladder_model;
  }

  // The measured points that the curve's replay can be judged by.
  void hold_against_measured(const report::Curve& curve, const ProjectionSource& source) {
    const auto cell = [&](const std::string& id) {
      return std::find_if(report_.cells.begin(), report_.cells.end(),
                          [&](const Cell& c) { return c.id == id; });
    };
    const auto one = cell(curve.points.front().cell_id);
    const double passes = curve.phase == "decode" ? 1.0 : options_.run.prefill_tokens;
    for (const report::CurvePoint& p : curve.points) {
      if (p.state != "measured" || p.threads < 2 || p.threads > all_cores_) continue;
      const Cell& many = *cell(p.cell_id);
      const auto read_by = [&](const Cell& like) {
        return bandwidth_by_round(report_.cells, like, ReferenceWork::kWindowBytes);
      };
      if (auto prediction = predict(*one, many, source, passes, read_by(*one), read_by(many),
                                    slowdown_by_round(report_.cells, many.threads))) {
        report_.predictions.push_back(std::move(*prediction));
      }
    }
  }

  // Traced runs, after all samples.
  void trace_cells(Session& session, RunResult& run) {
    if (!options_.project && !options_.attribute) return;
    progress_.begin("traced runs", 0.0);
    std::map<std::string, double> restarts;
    for (CellResult& r : run.cells) {
      if (r.cell.status != Status::kOk || (options_.run.stop && options_.run.stop())) continue;
      const unsigned prefill = options_.run.prefill_tokens;
      const CellSpec executed = options_.run.execute ? options_.run.execute(r.spec) : r.spec;
      if (options_.attribute) r.cell.attribution = trace_attribution(session, executed, prefill);
      if (options_.project && r.spec.threads == 1) {
        // The head is read between any two uses of a weight: both have to fit, or neither stays.
        const bool from_memory =
            r.cell.weights_bytes + session.weights().head_bytes() > report_.machine.hard.llc_bytes;
        // The same for all schedules of a kernel.
        CellSpec kernel_of = r.spec;
        kernel_of.schedule.loop = {};
        const auto [restart, is_new] = restarts.try_emplace(cell_id(kernel_of), 0.0);
        if (is_new) restart->second = trace_restart_ns(session, r.spec, prefill);
        projections_[r.cell.id] =
            trace_projection(session, r.spec, prefill, static_cast<double>(r.cell.weights_bytes),
                             from_memory, restart->second);
      }
    }
    progress_.end();
  }

  void measure_bandwidth() {
    std::vector<unsigned> counts = options_.axes.threads;
    counts.push_back(all_cores_);
    std::sort(counts.begin(), counts.end());
    counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
    const MultiplyPeak* const peak = usable_peak();
    progress_.begin("read bandwidth", 2.0 * static_cast<double>(counts.size()));
    for (const unsigned t : counts) {
      if (t > cpus_.size()) continue;  // more threads than cores read no faster
      report_.read_bandwidth.push_back({t, read_bandwidth_gb_per_s(t, cpus_)});
      if (peak == nullptr) continue;
      report_.multiply_rate.push_back(
          {t, multiply_gmac_per_s(*peak, t, cpus_, steady_clock_ns()), peak->instructions});
    }
    progress_.end();
  }

  struct Ranked {
    const Kernel* kernel;
    double slowness;  // in any unit
  };

  // Kernels that were right on the matrix's model, by their best decode there.
  std::vector<Ranked> ranked() const {
    std::map<const Kernel*, double> speed;
    for (const auto& [kernel, cell] : results_) {
      if (kernel == nullptr || cell.phase != "decode" || !cell.tok_per_s || !cell.exact) continue;
      double& best = speed[kernel];
      best = std::max(best, cell.tok_per_s->median);
    }
    std::vector<Ranked> order;
    for (const auto& [kernel, best] : speed) order.push_back({kernel, 1.0 / best});
    std::sort(order.begin(), order.end(),
              [](const Ranked& a, const Ranked& b) { return a.slowness < b.slowness; });
    return order;
  }

  // The same kernels on another model, where another cache level may bind and change the order.
  std::vector<Ranked> calibrated(Session& session, const std::vector<Ranked>& order) {
    std::vector<const Kernel*> kernels;
    for (const Ranked& r : order) kernels.push_back(r.kernel);
    progress_.begin("calibrating", 0.0);
    CellSpec all;
    all.threads = all_cores_;
    const Calibration c =
        calibrate(session.weights(), kernels, session.team(all), 1, report_.machine.hard.llc_bytes);
    progress_.end();
    std::vector<Ranked> again;
    for (const CalibratedKernel& k : c.decode) again.push_back({k.kernel, k.seconds_per_token});
    return again;
  }

  // What to try for the ladder's last stage: at most two kernels, a second only where it came near.
  std::vector<const Kernel*> candidates(Session& session) {
    constexpr std::size_t kTried = 2;
    constexpr double kNear = 1.1;
    std::vector<Ranked> order = ranked();
    if (ladder_model() != options_.model && order.size() > 1) order = calibrated(session, order);
    std::vector<const Kernel*> kernels;
    for (const Ranked& r : order) {
      if (kernels.size() < kTried && r.slowness <= kNear * order.front().slowness) {
        kernels.push_back(r.kernel);
      }
    }
    return kernels;
  }

  // The fastest exact decode cell (where none is right, the first there is), and what its controls
  // say. Of those that ask for an extension where there are some: where such a request ends in
  // scalar code, a cell that asked for scalar code is as fast and has nothing to tell.
  void self_test(Session& session, KernelChecks& checks, const RunResult& run) {
    const CellResult* subject = nullptr;
    const Cell* wrong = nullptr;
    SelfTestPlan plan;
    std::vector<const Kernel*>& kernels = plan.kernels;
    for (const CellResult& r : run.cells) {
      if (!r.cell.exact || r.cell.status == Status::kSkipped || r.spec.phase != Phase::kDecode) {
        continue;
      }
      const CellSpec executed = options_.run.execute ? options_.run.execute(r.spec) : r.spec;
      if (std::find(kernels.begin(), kernels.end(), executed.called()) == kernels.end()) {
        kernels.push_back(executed.called());
      }
      if (r.cell.status == Status::kWrong && wrong == nullptr) wrong = &r.cell;
      const auto rank = [](const CellResult& c) {
        const bool extension = c.spec.requested != nullptr && c.spec.requested->needs != IsaSet{};
        return std::pair(extension, c.cell.tok_per_s ? c.cell.tok_per_s->median : 0.0);
      };
      if (subject == nullptr || rank(r) > rank(*subject)) subject = &r;
    }
    if (subject == nullptr) return;
    plan.subject = subject->spec;
    plan.threads = all_cores_;
    plan.cpus = runnable_cpus(report_.machine);
    plan.wrong = wrong;
    plan.run = options_.run;
    SelfTest test = run_self_test(session, checks, catalogue_, plan, progress_);
    report_.verdicts = std::move(test.verdicts);
    for (Cell& c : test.cells) report_.cells.push_back(std::move(c));
    complete_ = complete_ && test.complete;
  }

  void ladder(Session& session, KernelChecks& checks) {
    LadderOptions ladder;
    ladder.run = options_.run;
    ladder.threads = all_cores_;
    ladder.cpus = runnable_cpus(report_.machine);
    ladder.model = ladder_model() == options_.model ? "" : session.weights().source;
    ladder.promised = is_2b4t(session.weights().config);
    ladder.candidates = candidates(session);
    if (session.weights().config.ternary_weights() / 4 + session.weights().head_bytes() >
        report_.machine.hard.llc_bytes) {
      ladder.read_bandwidth = [this] {
        for (report::Bandwidth& b : report_.read_bandwidth) {
          // A roof is the most that was seen: another tenant's traffic must not lower it.
          b.gb_per_s = std::max(b.gb_per_s, read_bandwidth_gb_per_s(b.threads, cpus_));
        }
        return report_.read_bandwidth;
      };
    }
    LadderResult result = run_ladder(session, checks, catalogue_, ladder, progress_);
    for (Cell& cell : result.cells) {
      cell.repro = repro(cell);
      if (std::none_of(report_.cells.begin(), report_.cells.end(),
                       [&](const Cell& c) { return c.id == cell.id; })) {
        report_.cells.push_back(std::move(cell));
      }
    }
    report_.ladder = std::move(result.stages);
    report_.faults = std::move(result.faults);
    report_.verdicts = std::move(result.verdicts);
    best_ = std::move(result.best);
    complete_ = complete_ && result.complete;
    gate(session.weights().config);
  }

  void gate(const Config& config) {
    report::Gate gate;
    gate.name = fmt::format("{:g}+ tok/s on bitnet-2b4t", options_.fail_under);
    gate.threshold = options_.fail_under;
    if (!is_2b4t(config)) {
      gate.state = "not_measured";
      gate.reason = "the model measured has another shape";
    } else if (!best_ || !best_->tok_per_s) {
      gate.state = "not_measured";
      gate.reason = "no exact cell of the last stage was ok";
    } else {
      gate.measured = best_->tok_per_s->median;
      gate.cell_id = best_->id;
      gate.state = *gate.measured >= gate.threshold ? "pass" : "fail";
    }
    report_.gates.push_back(std::move(gate));
  }

  std::string repro(const Cell& cell) const {
    std::string more;
    for (const auto& [axis, value] : cell.axes) {
      if (axis == "executed" || axis == "model") return {};  // `diagnose` alone makes those
      more += fmt::format(" --{} {}", axis, value);
    }
    if (cell.threads > all_cores_) more += " --oversubscribe";
    std::string grain = cell.grain == 0 ? "auto" : std::to_string(cell.grain);
    const char* schedule = cell.schedule[0] == 's'   ? "static"
                           : cell.schedule[0] == 'g' ? "dynamic"
                           : cell.schedule[0] == 'u' ? "guided"
                                                     : "stealing";
    return fmt::format(
        "ryz-lab sweep --model {} --kernel {} --encoding {} --phase {} --schedule {} --grain {} "
        "--threads {} --seed {}{}",
        options_.model, cell.kernel, cell.encoding, cell.phase, schedule, grain, cell.threads,
        options_.seed, more);
  }

  const LabOptions& options_;
  const Catalogue& catalogue_;
  Report& report_;
  Progress progress_;
  std::vector<int> cpus_;
  std::vector<CellSpec> specs_;
  std::vector<std::pair<const Kernel*, Cell>> results_;
  Config matrix_config_;
  std::map<std::string, ProjectionSource> projections_;  // by the one-thread cell
  std::optional<Cell> best_;
  unsigned most_ = 1;
  unsigned all_cores_ = 1;
  bool complete_ = true;
};

// Several reasons at once: a wrong result before a missed gate before an unfinished run.
void decide(Report& report, const LabOptions& options, bool interrupted) {
  bool wrong = false;
  for (const Cell& cell : report.cells) wrong |= cell.status == Status::kWrong && !cell.known_wrong;
  bool blocked = false;
  bool unknown = report.verdicts.empty();
  for (const report::Verdict& v : report.verdicts) {
    blocked |= v.state == report::State::kBlocked;
    unknown |= v.state == report::State::kUnknown;
  }
  bool gate_failed = false;
  bool gate_missing = false;
  for (const report::Gate& g : report.gates) {
    gate_failed |= g.state == "fail";
    gate_missing |= g.state == "not_measured";
  }
  if (report.command == "sweep") {
    report.verdict = "measured";
  } else {
    report.verdict = blocked ? "blocked" : unknown ? "unknown" : "clear";
  }
  report.exit_code = 0;
  if (interrupted) {
    report.verdict = "interrupted";
    report.exit_code = 130;
  } else if (wrong) {
    report.verdict = "wrong";
    report.exit_code = 4;
  } else if ((options.gate_asked && gate_failed) || (options.strict && blocked)) {
    report.verdict = options.gate_asked && gate_failed ? "gate-failed" : "blocked";
    report.exit_code = 1;
  } else if (!report.complete || (options.gate_asked && gate_missing)) {
    report.verdict = "incomplete";
    report.exit_code = 8;
  }
}

Report run(const std::string& command, const LabOptions& asked, const Catalogue& catalogue,
           const std::vector<std::string>& argv) {
  const auto start = Clock::now();
  const PerfCounters& counters = process_counters();  // before the first team's threads
  LabOptions options = asked;
  Report report = begin_report(command, argv, options, catalogue);
  report.counters = counters.states();
  if (!options.fault.empty()) {
    report.warnings.push_back("a fault is put in on purpose: --inject " + options.fault);
  }
  if (options.budget_s > 0.0) {
    options.run.deadline = start + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(options.budget_s));
    options.run.stop_at = options.run.deadline;
  }
  if (command == "diagnose" && options.run.gate_rounds > 0) {
    options.run.in_gate = default_gate(options.axes);
  }
  std::optional<report::Journal> journal;
  if (!options.journal.empty()) {
    const report::JournalHeader header{
        report::config_hash(report, {options.model, options.ladder_model, options.fault,
                                     std::to_string(options.run.gate_rounds)}),
        report.machine.key};
    journal.emplace(options.resume ? report::Journal::resume(options.journal, header)
                                   : report::Journal::create(options.journal, header));
    if (journal->kept() > 0) {
      report.warnings.push_back(
          fmt::format("goes on with {} samples of {}", journal->kept(), options.journal));
    }
    if (!journal->warning().empty()) report.warnings.push_back(journal->warning());
    options.run.journal = &*journal;
  }
  Lab lab(options, catalogue, report);
  lab.matrix();
  lab.ladder_on_other_model();
  lab.conclude();
  report.duration_s = seconds_since(start);
  decide(report, options, options.run.stop && options.run.stop());
  return report;
}

}  // namespace

std::vector<int> machine_cpus() { return physical_core_cpus(machine_topology()); }

Report run_diagnose(const LabOptions& options, const Catalogue& catalogue,
                    const std::vector<std::string>& argv) {
  return run("diagnose", options, catalogue, argv);
}

Report run_sweep(const LabOptions& options, const Catalogue& catalogue,
                 const std::vector<std::string>& argv) {
  return run("sweep", options, catalogue, argv);
}

}  // namespace ryz
