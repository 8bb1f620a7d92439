#include "harness/measure/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <map>
#include <random>

#include "harness/measure/disturbance.h"
#include "harness/measure/sampler.h"
#include "kernels/cpu.h"
#include "kernels/tally.h"
#include "reports/error.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

// A cell while it is being run.
struct Live {
  CellResult* result = nullptr;
  SampledCell sampled;
  double expected_s = 0.0;  // of one sample, by the pilot
  bool gate = false;
  bool live = false;
  bool check_samples = false;  // each against the naive logits, in place of a check beforehand
};

constexpr unsigned kLeastRounds = 3;        // what a deadline does not take away
constexpr double kMostRepeated = 0.1;       // share of the plan that disturbed samples may add
constexpr double kShortCheckS = 0.1;        // expected of a prompt that is checked without a pilot
constexpr double kReferenceSeconds = 5e-3;  // the fixed work and the warm-up beside each sample

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Run {
 public:
  Run(Session& session, KernelChecks& checks, const RunOptions& options, Progress& progress,
      std::string title)
      : session_(session),
        checks_(checks),
        options_(options),
        progress_(progress),
        title_(std::move(title)),
        sampler_(session) {
    if (options.journal != nullptr) section_ = options.journal->begin_section();
  }

  RunResult operator()(const std::vector<CellSpec>& specs) {
    RunResult run;
    run.cells.resize(specs.size());
    std::vector<std::pair<const Encoding*, FirstTouch>> packings;
    std::vector<const Encoding*> packed;  // of each packing
    std::vector<const Encoding*> encodings;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      run.cells[i].spec = specs[i];
      describe(run.cells[i]);
      const Encoding* e = specs[i].requested ? specs[i].requested->encoding : nullptr;
      if (std::find(encodings.begin(), encodings.end(), e) == encodings.end()) {
        encodings.push_back(e);
      }
      const std::pair packing{e, specs[i].schedule.first_touch};
      if (e != nullptr && std::find(packings.begin(), packings.end(), packing) == packings.end()) {
        packings.push_back(packing);
        packed.push_back(e);
      }
    }
    cells_ = specs.size();
    progress_.begin(title_, 0.0);
    // Clocks of idle cores rise first.
    CellSpec all;
    all.threads = session_.options().max_threads;
    session_.reference_work().spin_up(session_.team(all), 2.0);
    // All cells share the rounds where their packed weights fit in memory together; otherwise
    // the cells of one encoding do.
    if (session_.fits_all(packed)) {
      group(run.cells);
    } else {
      for (const Encoding* encoding : encodings) {
        std::vector<CellResult*> cells;
        for (CellResult& c : run.cells) {
          if ((c.spec.requested ? c.spec.requested->encoding : nullptr) == encoding) {
            cells.push_back(&c);
          }
        }
        group(cells);
      }
    }
    progress_.end();
    run.complete = !stopped_;
    run.rounds_left_out = left_out_;
    return run;
  }

 private:
  static void describe(CellResult& result) {
    const CellSpec& spec = result.spec;
    report::Cell& cell = result.cell;
    cell.id = cell_id(spec);
    cell.phase = phase_name(spec.phase);
    cell.kernel = spec.kernel_name();
    cell.encoding = spec.encoding_name();
    cell.schedule = loop_name(spec.schedule.loop);
    cell.grain = spec.schedule.loop.grain;
    cell.row_tile = spec.row_tile();
    cell.grain_rows = cell.grain * cell.row_tile;
    cell.threads = spec.threads;
    cell.model = spec.model;
    for (const auto& [key, value] : extra_axes(spec)) cell.axes[key] = value;
    cell.exact = spec.requested == nullptr || spec.requested->encoding->exact;
    cell.known_wrong =
        spec.requested != nullptr && spec.requested->encoding->known_wrong != nullptr;
    cell.status = report::Status::kFailed;
    cell.status_reason = "not reached before the run ended";
    cell.tok_per_s_reason = "not reached before the run ended";
    cell.effective.isa_requested = isa_names(spec.requested ? spec.requested->needs : IsaSet{});
  }

  void group(std::vector<CellResult>& cells) {
    std::vector<CellResult*> pointers;
    for (CellResult& c : cells) pointers.push_back(&c);
    group(pointers);
  }

  void group(const std::vector<CellResult*>& cells) {
    std::vector<Live> lives(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) lives[i].result = cells[i];
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (should_stop()) break;
      try {
        admit(lives[i]);
      } catch (const std::exception& error) {
        fail(*cells[i], report::Status::kFailed, error.what());
      }
      // Checks are about a fifth of the work; the rest is known once the pilots are.
      checked_ += 1.0;
      progress_.update(0.2 * checked_ / static_cast<double>(cells_),
                       "checking " + cells[i]->cell.id);
    }
    sample_rounds(lives);
    mark_clocks(lives);
    for (Live& live : lives) finish(live);
  }

  static void fail(CellResult& result, report::Status status, const std::string& reason) {
    result.cell.status = status;
    result.cell.status_reason = reason;
    result.cell.tok_per_s_reason =
        status == report::Status::kWrong ? "wrong result: no speed" : reason;
  }

  bool is_probe(const CellSpec& spec) const {
    return std::find(options_.probes.begin(), options_.probes.end(), spec.requested) !=
           options_.probes.end();
  }

  // Decides whether a cell runs at all, whether it is right, and how long its samples are.
  void admit(Live& live) {
    CellResult& result = *live.result;
    const CellSpec& spec = result.spec;
    report::Cell& cell = result.cell;
    live.sampled.spec = options_.execute ? options_.execute(spec) : spec;
    live.gate = options_.in_gate && options_.in_gate(spec);
    for (const Kernel* kernel : {spec.requested, live.sampled.spec.called()}) {
      if (kernel == nullptr) continue;
      const std::string reason = why_not_runnable(*kernel);
      if (!reason.empty()) return fail(result, report::Status::kSkipped, reason);
    }
    if (!spec.pin.not_here.empty()) {
      return fail(result, report::Status::kSkipped, spec.pin.not_here);
    }
    // Which grain of a slow cell is measured hangs on pilots; two runs must agree on what is gated.
    if (options_.one_grain_when_slow && spec.schedule.loop.grain != 0 && !live.gate) {
      const auto slow = slow_grain_.find(grain_key(spec));
      if (slow != slow_grain_.end() && slow->second != cell.grain) {
        return fail(result, report::Status::kSkipped,
                    fmt::format("a slow cell: measured at grain {} only", slow->second));
      }
    }
    const bool with_logits = !is_probe(spec);
    const KernelCheck& check = checks_.get(live.sampled.spec, with_logits);
    cell.error = check.errors;
    if (const PackedModel* packed = session_.packed(spec.requested, spec.schedule.first_touch)) {
      cell.weights_bytes = packed->bytes();
    } else {
      cell.weights_bytes = session_.weights().config.ternary_weights() / 4;
    }
    const auto before = called_isas();
    CellCheck own;
    double pilot = check.prompt_tokens_per_s * spec.threads / session_.options().max_threads;
    // What multiplies wrongly needs no second witness; all others are checked as they are run. So
    // slow that a check takes what a sample takes: the samples are checked themselves.
    live.check_samples = check.products_equal && spec.phase == Phase::kDecode &&
                         pilot < options_.few_samples_below_tok_per_s;
    if (check.products_equal && !live.check_samples) {
      const auto prompt = static_cast<double>(session_.truth().prompt.size());
      // One token tells slow from fast, where the kernel's check had not.
      if (!with_logits || prompt / pilot > kShortCheckS) {
        own = check_cell(session_, live.sampled.spec, 1);
        pilot = 1.0 / own.seconds;
      }
      if (prompt / pilot < options_.long_check_s && with_logits) {
        own = check_cell(session_, live.sampled.spec, session_.truth().prompt.size());
        pilot = prompt / own.seconds;
      }
    }
    const auto kept =
        options_.journal != nullptr ? options_.journal->plan(section_, cell.id) : std::nullopt;
    const bool crawls = pilot < options_.few_samples_below_tok_per_s;
    const bool slow = kept ? kept->few_samples
                           : crawls || (spec.phase == Phase::kPrefill &&
                                        options_.prefill_tokens / pilot > slow_prompt_s(live));
    live.sampled.calls = check.calls;
    for (const auto& [bits, calls] : calls_between(before, called_isas())) {
      live.sampled.calls[bits] += calls;
    }
    const bool right = check.products_equal && (own.equal || live.check_samples) &&
                       (!check.errors.logits || check.logits_equal);
    cell.status = right ? report::Status::kOk : report::Status::kWrong;
    cell.status_reason.clear();
    cell.tok_per_s_reason.clear();
    if (!right) {
      fail(result, report::Status::kWrong, wrong_reason(cell, check, own));
      if (!options_.time_wrong) return;
    }
    live.live = true;
    if (slow) {
      cell.few_samples = true;
      slow_grain_.emplace(grain_key(spec), cell.grain);
    }
    plan_samples(live, pilot, crawls, kept);
  }

  // How much one sample runs: what the pilot says, or what the run that goes on had chosen.
  void plan_samples(Live& live, double pilot, bool crawls,
                    const std::optional<report::SamplePlan>& kept) {
    const CellSpec& spec = live.result->spec;
    SampledCell& sampled = live.sampled;
    sampled.tokens = 1;
    if (kept) {
      sampled.tokens = kept->tokens;
      sampled.repeats = kept->repeats;
    } else if (!crawls) {
      const double wanted = std::ceil(options_.sample_ms * 1e-3 * std::max(pilot, 1.0));
      if (spec.phase == Phase::kPrefill) {
        sampled.tokens = options_.prefill_tokens;
      } else if (options_.decode_tokens > 0) {
        sampled.tokens = options_.decode_tokens;
      } else {
        // Equal passes that fit in the context.
        const double passes = std::ceil(wanted / static_cast<double>(session_.options().context));
        sampled.tokens = static_cast<std::size_t>(std::ceil(wanted / passes));
      }
      sampled.repeats = std::max<std::size_t>(
          1, static_cast<std::size_t>(std::ceil(options_.sample_ms * 1e-3 * pilot /
                                                static_cast<double>(sampled.tokens))));
    }
    live.expected_s = static_cast<double>(sampled.tokens * sampled.repeats) / pilot;
    if (options_.journal != nullptr && !kept) {
      options_.journal->add(
          section_, live.result->cell.id,
          report::SamplePlan{sampled.tokens, sampled.repeats, live.result->cell.few_samples});
    }
  }

  double slow_prompt_s(const Live& live) const {
    return std::max(live.gate ? options_.slow_gate_prompt_s : options_.slow_prompt_s,
                    1.5e-3 * options_.sample_ms);
  }

  static std::string grain_key(const CellSpec& spec) {
    CellSpec key = spec;
    key.schedule.loop.grain = 0;
    return cell_id(key);
  }

  static std::string wrong_reason(const report::Cell& cell, const KernelCheck& check,
                                  const CellCheck& own) {
    if (cell.error.non_finite) return "a product is not finite";
    if (!check.products_equal) {
      return fmt::format(
          "products differ from naive: {} elements, relative error up to {:.3g} ({})",
          check.errors.mismatches.value_or(0), check.errors.products_worst.value_or(0.0),
          check.errors.worst_product);
    }
    return fmt::format("products equal naive, logits do not: relative error {:.3g}", own.error);
  }

  unsigned rounds_of(const Live& live) const {
    if (live.result->cell.few_samples) return std::min(options_.slow_rounds, options_.rounds);
    return live.gate ? std::max(options_.rounds, options_.gate_rounds) : options_.rounds;
  }

  // Seconds that a round is expected to take, by the pilots.
  double round_cost(const std::vector<Live>& lives, unsigned round) const {
    double seconds = 0.0;
    for (const Live& live : lives) {
      if (live.live && round < rounds_of(live)) seconds += live.expected_s + kReferenceSeconds;
    }
    return seconds;
  }

  // One cell's part of a round: from the journal where it is there, else measured.
  void visit(Live& live, unsigned round, unsigned order) {
    report::Cell& cell = live.result->cell;
    if (options_.journal != nullptr) {
      if (const auto* kept = options_.journal->samples(section_, cell.id, round)) {
        cell.samples.insert(cell.samples.end(), kept->begin(), kept->end());
        return;
      }
    }
    const bool again = repeated_s_ < kMostRepeated * planned_s_;
    const auto samples = sampler_.visit(live.sampled, round, order, again);
    if (live.check_samples && !equals_naive(session_, sampler_.logits(), live.sampled.tokens)) {
      live.live = options_.time_wrong;
      fail(*live.result, report::Status::kWrong,
           "products equal naive, the logits of a sample do not");
      if (!live.live) return;
    }
    for (const report::Sample& s : samples) {
      if (&s != &samples.front()) repeated_s_ += 1e-9 * static_cast<double>(s.time_ns);
      if (options_.journal != nullptr) options_.journal->add(section_, cell.id, s);
      cell.samples.push_back(s);
    }
  }

  void sample_rounds(std::vector<Live>& lives) {
    unsigned most = 0;
    for (const Live& live : lives) most = live.live ? std::max(most, rounds_of(live)) : most;
    planned_s_ = 0.0;
    for (unsigned round = 0; round < most; ++round) planned_s_ += round_cost(lives, round);
    std::mt19937_64 random(options_.seed);
    const auto start = Clock::now();
    double done_s = 0.0;
    for (unsigned round = 0; round < most; ++round) {
      if (round >= kLeastRounds && no_time_for(round_cost(lives, round), start, done_s)) {
        left_out_ = true;
        return;
      }
      std::vector<Live*> order;
      for (Live& live : lives) {
        if (live.live && round < rounds_of(live)) order.push_back(&live);
      }
      // Not std::shuffle: its result differs between standard libraries.
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
      for (unsigned i = 0; i < order.size(); ++i) {
        Live& live = *order[i];
        if (should_stop()) return;
        try {
          visit(live, round, i);
        } catch (const report::ReportError&) {
          throw;  // the journal cannot be written: nothing that follows would be kept
        } catch (const std::exception& error) {
          live.live = false;
          fail(*live.result, report::Status::kFailed, error.what());
        }
        done_s += live.expected_s + kReferenceSeconds;
        progress_.update(0.2 + 0.8 * done_s / planned_s_,
                         fmt::format("round {}/{} {}", round + 1, most, live.result->cell.id));
      }
    }
  }

  // Whether a round of so many expected seconds would end after the deadline, going by how long the
  // rounds before it took.
  bool no_time_for(double expected_s, Clock::time_point start, double done_s) const {
    if (!options_.deadline) return false;
    const double pace = done_s > 0.0 ? std::max(1.0, seconds_since(start) / done_s) : 1.0;
    return Clock::now() + std::chrono::duration<double>(expected_s * pace) > *options_.deadline;
  }

  static void mark_clocks(std::vector<Live>& lives) {
    std::map<unsigned, std::vector<report::Sample*>> by_threads;
    for (Live& live : lives) {
      for (report::Sample& s : live.result->cell.samples) {
        by_threads[live.result->spec.threads].push_back(&s);
      }
    }
    for (auto& [threads, samples] : by_threads) mark_slow_clock(samples);
  }

  void finish(Live& live) {
    CellResult& result = *live.result;
    report::Cell& cell = result.cell;
    cell.effective.called_as_requested =
        !live.sampled.calls.empty() || result.spec.requested == nullptr;
    for (const auto& [bits, calls] : live.sampled.calls) {
      cell.effective.isa_called[isa_text({bits})] = calls;
      if (result.spec.requested == nullptr || bits != result.spec.requested->needs.bits) {
        cell.effective.called_as_requested = false;
      }
    }
    if (!live.live) return;
    Team& team = session_.team(live.sampled.spec);  // the one that ran
    cell.effective.pinned = true;
    for (const Placement& p : team.placements()) {
      cell.effective.cpus.push_back(p.cpu);
      cell.effective.pinned &= p.pinned;
    }
    if (cell.samples.empty())
      return fail(result, report::Status::kFailed, "stopped before its first sample");
    for (const auto& [name, count] : live.sampled.counts) {
      cell.counters[name] = count / static_cast<double>(live.sampled.counted_tokens);
    }
    cell.counters_running_ratio = live.sampled.counts_running_ratio;
    result.speed = report::throughput(cell.samples, options_.seed);
    if (cell.status != report::Status::kOk) return;
    cell.tok_per_s = result.speed;
    const std::uint64_t each =
        session_.bytes_per_token(result.spec.phase, cell.weights_bytes, live.sampled.tokens);
    cell.roofline = report::Roofline{
        each, static_cast<double>(each) * cell.tok_per_s->median * 1e-9, std::nullopt};
  }

  bool should_stop() {
    if (!stopped_ && options_.stop && options_.stop()) stopped_ = true;
    if (!stopped_ && options_.stop_at && Clock::now() > *options_.stop_at) stopped_ = true;
    return stopped_;
  }

  Session& session_;
  KernelChecks& checks_;
  const RunOptions& options_;
  Progress& progress_;
  std::string title_;
  Sampler sampler_;
  std::map<std::string, std::uint64_t> slow_grain_;
  unsigned section_ = 0;  // of the journal
  std::size_t cells_ = 0;
  double checked_ = 0.0;
  double planned_s_ = 0.0;   // of this group's samples
  double repeated_s_ = 0.0;  // spent on taking disturbed samples again
  bool left_out_ = false;    // rounds, for lack of time
  bool stopped_ = false;
};

}  // namespace

RunResult run_cells(Session& session, KernelChecks& checks, const std::vector<CellSpec>& specs,
                    const RunOptions& options, Progress& progress, const std::string& title) {
  return Run(session, checks, options, progress, title)(specs);
}

}  // namespace ryz
