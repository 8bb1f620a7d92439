#include "harness/measure/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <map>
#include <random>

#include "kernels/cpu.h"
#include "kernels/tally.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

// A cell while it is being run.
struct Live {
  CellResult* result = nullptr;
  std::size_t tokens = 0;   // of one sample
  std::size_t repeats = 1;  // prefill batches of one sample
  std::map<std::uint32_t, std::uint64_t> calls;
  bool live = false;
};

class Run {
 public:
  Run(Session& session, KernelChecks& checks, const RunOptions& options, Progress& progress,
      std::string title)
      : session_(session),
        checks_(checks),
        options_(options),
        progress_(progress),
        title_(std::move(title)),
        logits_(session.weights().config.vocab) {}

  RunResult operator()(const std::vector<CellSpec>& specs) {
    RunResult run;
    run.cells.resize(specs.size());
    std::vector<const Encoding*> encodings;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      run.cells[i].spec = specs[i];
      describe(run.cells[i]);
      const Encoding* e = specs[i].requested ? specs[i].requested->encoding : nullptr;
      if (std::find(encodings.begin(), encodings.end(), e) == encodings.end()) {
        encodings.push_back(e);
      }
    }
    std::vector<const Encoding*> packed = encodings;
    packed.erase(std::remove(packed.begin(), packed.end(), nullptr), packed.end());
    total_ = static_cast<double>(specs.size()) * (1.0 + options_.rounds);
    progress_.begin(title_, 0.0);
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
      done_ += 1.0;
      progress_.update(done_ / total_, "checking " + cells[i]->cell.id);
    }
    sample_rounds(lives);
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
    for (const Kernel* kernel : {spec.requested, spec.called()}) {
      if (kernel == nullptr) continue;
      const std::string reason = why_not_runnable(*kernel);
      if (!reason.empty()) return fail(result, report::Status::kSkipped, reason);
    }
    if (!spec.pin.not_here.empty()) {
      return fail(result, report::Status::kSkipped, spec.pin.not_here);
    }
    if (options_.one_grain_when_slow && spec.schedule.loop.grain != 0) {
      const auto slow = slow_grain_.find(grain_key(spec));
      if (slow != slow_grain_.end() && slow->second != cell.grain) {
        return fail(result, report::Status::kSkipped,
                    fmt::format("a slow cell: measured at grain {} only", slow->second));
      }
    }
    const bool with_logits = !is_probe(spec);
    const KernelCheck& check = checks_.get(spec, with_logits);
    cell.error = check.errors;
    if (const PackedModel* packed = session_.packed(spec.requested)) {
      cell.weights_bytes = packed->bytes();
    } else {
      cell.weights_bytes = session_.weights().config.ternary_weights() / 4;
    }
    const auto before = called_isas();
    CellCheck own;
    double pilot = check.prompt_tokens_per_s;
    // What multiplies wrongly needs no second witness; all others are checked as they are run.
    if (check.products_equal) {
      own = check_cell(session_, spec, 1);  // tells slow from fast cheaply
      pilot = 1.0 / own.seconds;
      const auto prompt = static_cast<double>(session_.truth().prompt.size());
      if (prompt / pilot < options_.long_sample_s && with_logits) {
        own = check_cell(session_, spec, session_.truth().prompt.size());
        pilot = prompt / own.seconds;
      }
    }
    const bool crawls = pilot < options_.few_samples_below_tok_per_s;
    const bool slow = crawls || (spec.phase == Phase::kPrefill &&
                                 options_.prefill_tokens / pilot > options_.long_sample_s);
    live.calls = check.calls;
    for (const auto& [bits, calls] : calls_between(before, called_isas())) {
      live.calls[bits] += calls;
    }
    const bool right =
        check.products_equal && own.equal && (!check.errors.logits || check.logits_equal);
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
    live.tokens = 1;
    if (!crawls) {
      if (spec.phase == Phase::kDecode) {
        const auto wanted =
            static_cast<std::size_t>(std::ceil(options_.sample_ms * 1e-3 * std::max(pilot, 1.0)));
        live.tokens = options_.decode_tokens > 0
                          ? options_.decode_tokens
                          : std::clamp<std::size_t>(wanted, 1, session_.options().context);
        live.repeats = std::max<std::size_t>(
            1, static_cast<std::size_t>(std::ceil(options_.sample_ms * 1e-3 * pilot /
                                                  static_cast<double>(live.tokens))));
      } else {
        live.tokens = options_.prefill_tokens;
        live.repeats = std::max<std::size_t>(
            1, static_cast<std::size_t>(std::ceil(options_.sample_ms * 1e-3 * pilot /
                                                  static_cast<double>(live.tokens))));
      }
    }
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

  report::Sample sample(Live& live, unsigned round, unsigned order) {
    const CellSpec& spec = live.result->spec;
    session_.prepare(spec);
    const auto before = called_isas();
    const auto start = Clock::now();
    for (std::size_t i = 0; i < live.repeats; ++i) {
      if (spec.phase == Phase::kDecode) {
        session_.decode(spec, live.tokens, logits_.data());
      } else {
        session_.prefill(spec, live.tokens, logits_.data());
      }
    }
    const auto stop = Clock::now();
    for (const auto& [bits, calls] : calls_between(before, called_isas())) {
      live.calls[bits] += calls;
    }
    return {round, order, live.tokens * live.repeats,
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::nanoseconds>(stop - start).count())};
  }

  void sample_rounds(std::vector<Live>& lives) {
    std::vector<Live*> order;
    for (Live& live : lives) {
      if (live.live) order.push_back(&live);
    }
    std::mt19937_64 random(options_.seed);
    for (unsigned round = 0; round < options_.rounds; ++round) {
      // Not std::shuffle: its result differs between standard libraries.
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
      for (unsigned i = 0; i < order.size(); ++i) {
        Live& live = *order[i];
        if (round >= options_.slow_rounds && live.result->cell.few_samples) continue;
        if (should_stop()) return;
        try {
          live.result->cell.samples.push_back(sample(live, round, i));
        } catch (const std::exception& error) {
          live.live = false;
          fail(*live.result, report::Status::kFailed, error.what());
        }
        progress_.update(done_ / total_, fmt::format("round {}/{} {}", round + 1, options_.rounds,
                                                     live.result->cell.id));
        done_ += 1.0;
      }
      order.erase(std::remove_if(order.begin(), order.end(), [](Live* l) { return !l->live; }),
                  order.end());
    }
  }

  void finish(Live& live) {
    CellResult& result = *live.result;
    report::Cell& cell = result.cell;
    cell.effective.called_as_requested = !live.calls.empty() || result.spec.requested == nullptr;
    for (const auto& [bits, calls] : live.calls) {
      cell.effective.isa_called[isa_text({bits})] = calls;
      if (result.spec.requested == nullptr || bits != result.spec.requested->needs.bits) {
        cell.effective.called_as_requested = false;
      }
    }
    if (!live.live) return;
    Team& team = session_.team(result.spec);
    cell.effective.pinned = true;
    for (const Placement& p : team.placements()) {
      cell.effective.cpus.push_back(p.cpu);
      cell.effective.pinned &= p.pinned;
    }
    if (cell.samples.empty())
      return fail(result, report::Status::kFailed, "stopped before its first sample");
    result.speed = report::throughput(cell.samples, options_.seed);
    if (cell.status != report::Status::kOk) return;
    cell.tok_per_s = result.speed;
    const std::uint64_t bytes = cell.weights_bytes + session_.weights().head_bytes();
    // A prefill batch reads its weights once.
    const std::uint64_t each = result.spec.phase == Phase::kDecode ? bytes : bytes / live.tokens;
    cell.roofline = report::Roofline{
        each, static_cast<double>(each) * cell.tok_per_s->median * 1e-9, std::nullopt};
  }

  bool should_stop() {
    if (!stopped_ && options_.stop && options_.stop()) stopped_ = true;
    return stopped_;
  }

  Session& session_;
  KernelChecks& checks_;
  const RunOptions& options_;
  Progress& progress_;
  std::string title_;
  std::vector<float> logits_;
  std::map<std::string, std::uint64_t> slow_grain_;
  double total_ = 0.0;
  double done_ = 0.0;
  bool stopped_ = false;
};

}  // namespace

RunResult run_cells(Session& session, KernelChecks& checks, const std::vector<CellSpec>& specs,
                    const RunOptions& options, Progress& progress, const std::string& title) {
  return Run(session, checks, options, progress, title)(specs);
}

}  // namespace ryz
