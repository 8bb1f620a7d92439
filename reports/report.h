// A report as plain data: what was asked, on which machine, what each cell measured, and what was
// concluded from it. Knows no kernel, no model and no clock. Units stand in the names; a number
// that was not measured is an empty optional with a reason beside it, never a zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ryz::report {

inline constexpr const char* kSchemaName = "ryz-lab/report";
inline constexpr const char* kSchemaVersion = "1.1.0";

// ---- statuses ----------------------------------------------------------------------------------
enum class Status : std::uint8_t { kOk, kWrong, kSkipped, kFailed };
const char* status_name(Status status);  // "ok", "wrong", "skipped", "failed"
std::optional<Status> status_from_name(std::string_view name);

enum class State : std::uint8_t { kClear, kBlocked, kUnknown };
const char* state_name(State state);  // "clear", "blocked", "unknown"
std::optional<State> state_from_name(std::string_view name);

// ---- where and with what -----------------------------------------------------------------------
struct Tool {
  std::string version;
  std::string git_sha;
  bool git_dirty = false;
  std::vector<std::string> argv;
  bool operator==(const Tool&) const = default;
};

struct Build {
  std::string type;
  std::string compiler;
  std::string flags;
  std::string openmp_runtime;
  std::vector<std::string> isa_compiled;  // of all kernel files together
  bool operator==(const Build&) const = default;
};

struct Cache {
  int level = 0;
  std::uint64_t bytes = 0;
  unsigned shared_by_cores = 0;
  bool operator==(const Cache&) const = default;
};

struct Machine {
  std::string key;  // hash of `hard`
  struct Hard {
    std::string arch;
    std::string cpu_vendor;
    std::string cpu_model_name;
    int cpu_family = 0;
    int cpu_model = 0;
    int cpu_stepping = 0;
    std::vector<std::string> isa_cpu;     // the CPU reports
    std::vector<std::string> isa_os;      // of those, the OS saves registers for
    std::vector<std::string> isa_masked;  // taken away by --without
    std::vector<std::string> isa_usable;
    unsigned cores_physical = 0;            // in this process's cpuset
    unsigned cpus_allowed = 0;              // hardware threads in it
    std::optional<double> cpu_quota_cores;  // cgroup limit
    bool smt = false;
    std::uint64_t llc_bytes = 0;
    unsigned numa_nodes = 0;
    bool hypervisor = false;
    bool operator==(const Hard&) const = default;
  } hard;
  struct Soft {
    std::string kernel;
    std::string microcode;
    std::string governor;
    std::string turbo;
    std::string thp;
    std::string aslr;
    std::uint64_t memory_bytes = 0;
    double load_1min = 0.0;
    bool operator==(const Soft&) const = default;
  } soft;
  std::vector<Cache> caches;
  bool operator==(const Machine&) const = default;
};

struct Model {
  std::string source;  // path or preset
  std::string arch;
  std::string hash;
  std::uint64_t ternary_weights = 0;
  std::uint64_t head_bytes = 0;
  std::string head_format;
  std::map<std::string, std::uint64_t> dims;  // embd, ffn, layers, heads, kv_heads, vocab
  bool operator==(const Model&) const = default;
};

// Every flag's effective value, axes expanded.
struct Config {
  std::vector<std::string> kernels, encodings, phases, schedules;
  std::vector<std::uint64_t> grains, threads;
  std::uint64_t seed = 0;
  unsigned rounds = 0;
  double sample_ms = 0.0;
  std::string pin;
  std::vector<std::int32_t> prompt;  // the forced tokens of the logits' check
  unsigned prompt_tokens = 0;        // tokens of a prefill sample
  std::string filter, exclude;
  bool operator==(const Config&) const = default;
};

// ---- the catalogue -----------------------------------------------------------------------------
struct CatalogueEntry {
  std::string kernel;
  std::string encoding;
  std::vector<std::string> isa_needed;
  double bits_per_weight = 0.0;
  std::uint64_t row_tile = 0;
  // "none", "pattern" (one table for all matrices) or "activations" (one a product)
  std::string table_kind;
  std::uint64_t table_bytes = 0;  // for the model's widest product, one token
  // Tables per row and group as the engine had them, for this model's weights; only where the
  // table belongs to weight patterns.
  std::optional<std::uint64_t> as_found_table_bytes;
  bool exact = false;
  std::string known_wrong;  // why, or empty
  bool runnable = false;
  std::string reason;  // why not
  bool operator==(const CatalogueEntry&) const = default;
};

// ---- cells -------------------------------------------------------------------------------------
struct Sample {
  unsigned round = 0;
  unsigned order = 0;  // position within the round
  std::uint64_t tokens = 0;
  std::uint64_t time_ns = 0;
  // What the machine did meanwhile; empty where it was not asked (or a report of 1.0).
  std::optional<std::uint64_t> reference_compute_ns =
      {};                                                 // the fixed work right before the sample,
  std::optional<std::uint64_t> reference_memory_ns = {};  // on the same threads
  std::optional<double> cpu_ratio = {};  // CPU time of all its threads over wall time times threads
  std::optional<std::uint64_t> involuntary_switches = {}, migrations = {}, page_faults = {},
                               steal_ns = {};
  std::vector<std::string> disturbed = {};  // "preempted", "migrated", "steal", "faults", "clock"
  bool operator==(const Sample&) const = default;
};

struct Throughput {
  double median = 0.0;
  double ci_lo = 0.0;  // 95 % of the median, seeded bootstrap over rounds; equal to it for n = 1
  double ci_hi = 0.0;
  double mad = 0.0;
  std::size_t n = 0;
  bool operator==(const Throughput&) const = default;
};

// Relative errors are ‖y − ŷ‖₂ / ‖y‖₂ against the naive product, ratios (1.41 = 141 %).
struct Errors {
  std::optional<double> products_worst;
  std::optional<double> products_median;
  std::string worst_product;             // e.g. "blk.3.ffn_down"
  std::optional<double> activation_rms;  // of the worst product's real activations
  std::optional<double> activation_rms_median;
  std::optional<double> logits;             // forced prompt, last position
  std::optional<std::uint64_t> mismatches;  // product elements that differ at all
  bool non_finite = false;
  double tolerance = 0.0;
  std::string digest;  // of the logits' bytes; empty where the prompt was cut short
  std::string reason;  // why numbers above are empty
  bool operator==(const Errors&) const = default;
};

// Requested and called are separate facts: the second is what the kernels' own files tallied.
struct Effective {
  std::vector<std::string> isa_requested;           // what the requested kernel is compiled for
  std::map<std::string, std::uint64_t> isa_called;  // ISA of the code that ran → calls
  bool called_as_requested = false;
  std::vector<int> cpus;  // where each thread ran
  bool pinned = false;    // every thread's affinity read back as its one CPU
  bool operator==(const Effective&) const = default;
};

struct Roofline {
  std::uint64_t bytes_per_token = 0;
  double gb_per_s = 0.0;
  std::optional<double> roof_ratio;       // of the read bandwidth measured for as many threads
  std::optional<double> gmac_per_s = {};  // 10^9 ternary multiply-adds a second
  std::optional<double> gmac_ratio =
      {};                  // of the int8 multiply-add rate measured for as many threads
  std::string bound = {};  // "memory", "compute" or "overhead": see reports/README.md
  // Of what bare reads got right before each sample, on its threads; the median.
  std::optional<double> beside_ratio = {};
  bool operator==(const Roofline&) const = default;
};

// Where each thread's time went, of a run of its own beside the timed samples: reading the clock
// costs, and how much is said.
struct ThreadShare {
  double busy_ratio = 0.0;      // in the bodies of loops and steps
  double dispatch_ratio = 0.0;  // taking chunks
  double wait_ratio = 0.0;      // at barriers
  bool operator==(const ThreadShare&) const = default;
};
struct Attribution {
  std::vector<ThreadShare> threads;
  double imbalance_ratio = 0.0;  // the busiest thread's time over the mean, less 1
  double serial_ratio = 0.0;     // of the time: steps outside loops that one thread did alone
  double chunks_per_token = 0.0;
  double barriers_per_token = 0.0;
  double clock_read_ns = 0.0;   // one reading of the clock
  double overhead_ratio = 0.0;  // all readings / the run's time
  bool operator==(const Attribution&) const = default;
};

struct Cell {
  std::string id;
  std::string phase, kernel, encoding, schedule;
  std::uint64_t grain = 0, row_tile = 0, grain_rows = 0;
  unsigned threads = 0;
  std::string model;                        // source name, where a report holds cells of two models
  std::map<std::string, std::string> axes;  // other non-default ones, as in the id
  bool exact = false;                       // the encoding promises exactness
  bool known_wrong = false;
  Status status = Status::kFailed;
  std::string status_reason;
  bool few_samples = false;
  std::string repro;
  Effective effective;
  Errors error;
  std::optional<Throughput> tok_per_s;  // only where status is ok
  std::string tok_per_s_reason;
  std::vector<Sample> samples;
  std::optional<double> speedup, efficiency;  // against the same cell at 1 thread, paired by round
  std::string scaling_reason;                 // why these two are empty
  std::optional<Roofline> roofline;
  std::string roofline_reason;
  std::optional<Attribution> attribution;
  std::uint64_t weights_bytes = 0, table_bytes = 0;
  // Events a token of all samples, scaled where an event shared its counter; what cannot be counted
  // is missing here and has its reason in Report::counters.
  std::map<std::string, double> counters;
  std::optional<double> counters_running_ratio;  // the smallest share of time an event was counted
  bool operator==(const Cell&) const = default;
};

struct CurvePoint {
  unsigned threads = 0;
  std::string state;  // "measured", "projected", "not_measured"
  std::string reason;
  std::string cell_id;
  std::optional<double> tok_per_s, speedup, efficiency;
  // Laws fitted to the measured speed-ups, beside a projected point.
  std::optional<double> amdahl_speedup = {}, usl_speedup = {};
  bool operator==(const CurvePoint&) const = default;
};

// How a curve's projected points came about.
struct Projection {
  double one_thread_tok_per_s = 0.0;  // what was replayed
  double dispatch_ns = 0.0;           // to take a chunk
  double barrier_ns = 0.0;            // with two threads; others in proportion
  std::optional<double> gb_per_s;     // the roof for all cores; none where weights fit in caches
  std::string roof_source;            // "measured", "given" or "none"
  // Of the same simulation at a thread count that was measured: projected / measured - 1.
  unsigned checked_threads = 0;
  std::optional<double> error_ratio;
  std::string error_reason;
  std::optional<double> amdahl_serial_share, usl_contention, usl_coherency;
  bool operator==(const Projection&) const = default;
};
// The replay held against a thread count that was measured, round by round: its one-thread time
// and its read bandwidth are those of the same round.
struct Prediction {
  std::string cell_id, one_thread_cell_id;
  unsigned threads = 0;
  std::size_t rounds = 0;
  double measured_ms = 0.0;  // a token; medians over the rounds
  double predicted_ms = 0.0;
  double error_ratio = 0.0;                  // predicted / measured time - 1, paired by round
  double error_lo = 0.0, error_hi = 0.0;     // its 95 % interval
  double limit_ratio = 0.0;                  // that the error should stay within
  std::optional<double> gb_per_s;            // the roof; none where the weights fit in the caches
  std::optional<double> work_slowdown = {};  // of fixed work among others; median over the rounds
  bool operator==(const Prediction&) const = default;
};
struct Curve {
  std::string phase, kernel, encoding, schedule, model;
  std::vector<CurvePoint> points;
  std::optional<Projection> projection = {};
  bool operator==(const Curve&) const = default;
};

// ---- what was concluded ------------------------------------------------------------------------
struct Evidence {
  std::string fact;
  std::optional<double> value;
  std::string unit;
  std::vector<std::string> cells;
  bool operator==(const Evidence&) const = default;
};
struct Verdict {
  std::string name;  // "simd", "encoding", "threading"
  State state = State::kUnknown;
  std::string code;  // "OK", "SIMD_NOT_DISPATCHED", ...
  std::string summary;
  std::vector<Evidence> evidence;
  std::string rule;
  std::optional<double> impact_ratio;  // how much faster without the blocker
  std::string next_step;
  bool operator==(const Verdict&) const = default;
};

struct LadderStage {
  int stage = 0;
  std::string title;
  unsigned threads = 0;
  std::string cell_id;
  Status status = Status::kFailed;
  std::string status_reason;
  std::optional<double> tok_per_s;  // of a wrong stage too: it counts for nothing else
  std::optional<double> ci_lo, ci_hi;
  Errors error;
  std::vector<Verdict> verdicts;
  std::optional<double> promised_tok_per_s;
  bool operator==(const LadderStage&) const = default;
};

// One scheduling fault put alone on the ladder's last stage.
struct FaultCost {
  std::string fault;  // "dynamic,1", "locked pool", ...
  unsigned threads = 0;
  std::string cell_id;
  Status status = Status::kFailed;
  std::string status_reason;
  std::optional<double> tok_per_s;
  std::optional<double> slowdown_ratio, ci_lo, ci_hi;  // repaired / faulty, paired by round
  bool operator==(const FaultCost&) const = default;
};

struct Gate {
  std::string name;
  std::string state;  // "pass", "fail", "not_measured"
  double threshold = 0.0;
  std::optional<double> measured;
  std::string cell_id;
  std::string reason;
  bool operator==(const Gate&) const = default;
};

struct Bandwidth {
  unsigned threads = 0;
  double gb_per_s = 0.0;
  bool operator==(const Bandwidth&) const = default;
};

// An event of the kernel's perf subsystem: whether it could be counted, and why not.
struct CounterState {
  std::string name;
  bool available = false;
  std::string reason;
  bool operator==(const CounterState&) const = default;
};

struct MultiplyRate {
  unsigned threads = 0;
  double gmac_per_s = 0.0;
  std::string instructions = {};  // that were timed; "" in reports that do not say
  bool operator==(const MultiplyRate&) const = default;
};

// Random ternary weights times normal activations of one RMS, by an encoding's own kernel.
struct EncodingError {
  std::string encoding, kernel;
  double rms = 0.0;                      // asked for
  double actual_rms = 0.0;               // of the activations that were drawn
  double error_ratio = 0.0;              // against the naive product
  std::optional<double> expected_ratio;  // by the encoding's formula
  bool operator==(const EncodingError&) const = default;
};

struct Report {
  std::string report_id;
  std::string command;
  bool complete = false;
  std::string created_utc;
  double duration_s = 0.0;
  Tool tool;
  Build build;
  Machine machine;
  std::vector<Model> models;  // first: the matrix's; second, where different: the ladder's
  Config config;
  std::vector<CatalogueEntry> catalogue;
  std::string experiment, question;  // of `ryz-lab run`
  std::vector<Bandwidth> read_bandwidth;
  std::vector<CounterState> counters;
  std::vector<MultiplyRate> multiply_rate;
  std::vector<EncodingError> encoding_errors;
  std::vector<Cell> cells;
  std::vector<Curve> curves;
  std::vector<Prediction> predictions;
  std::vector<LadderStage> ladder;
  std::vector<FaultCost> faults;
  std::vector<Verdict> verdicts;
  std::vector<Gate> gates;
  std::vector<std::string> warnings;
  std::string verdict = "incomplete";  // the last line's word
  int exit_code = 8;
  bool operator==(const Report&) const = default;
};

}  // namespace ryz::report
