#include "reports/sample_report.h"

#include <fmt/format.h>

#include <stdexcept>

#include "reports/statistics.h"

namespace ryz::report {
namespace {

constexpr std::uint64_t kSeed = 42;

Machine sample_machine() {
  Machine m;
  m.key = "7c1e5d20";
  m.hard = {.arch = "x86_64",
            .cpu_vendor = "GenuineIntel",
            .cpu_model_name = "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
            .cpu_family = 6,
            .cpu_model = 143,
            .cpu_stepping = 8,
            .isa_cpu = {"avx", "avx2", "avx512f", "avx512vbmi", "amx"},
            .isa_os = {"avx", "avx2", "avx512f", "avx512vbmi"},
            .isa_masked = {"gfni"},
            .isa_usable = {"avx", "avx2", "avx512f", "avx512vbmi"},
            .cores_physical = 4,
            .cpus_allowed = 8,
            .cpu_quota_cores = 3.5,
            .smt = true,
            .llc_bytes = 110100480,
            .numa_nodes = 1,
            .hypervisor = true};
  m.soft = {.kernel = "6.1.0-18-amd64",
            .microcode = "0x2b000590",
            .governor = "performance",
            .turbo = "unknown",
            .thp = "madvise",
            .aslr = "on",
            .memory_bytes = 16861741056,
            .load_1min = 0.25};
  m.caches = {{1, 49152, 1}, {2, 2097152, 1}, {3, 110100480, 4}};
  return m;
}

std::vector<Sample> sample_times(double tok_per_s, unsigned order) {
  std::vector<Sample> samples;
  for (unsigned round = 0; round < 10; ++round) {
    const double wobble = 1.0 + 0.002 * (static_cast<double>((round * 3 + order) % 5) - 2.0);
    Sample sample{round, order, 32, static_cast<std::uint64_t>(32e9 * wobble / tok_per_s)};
    sample.reference_compute_ns = 2000000 + 1000 * (round % 3);
    sample.reference_memory_ns = 3000000 + 5000 * (round % 4);
    sample.cpu_ratio = 0.999;
    sample.involuntary_switches = 1;
    sample.migrations = 0;
    sample.page_faults = round == 0 ? 12 : 0;
    sample.steal_ns = 0;
    if (round == 0) sample.disturbed = {"faults"};
    samples.push_back(std::move(sample));
  }
  return samples;
}

Cell make_cell(const std::string& phase, const std::string& kernel, const std::string& encoding,
               unsigned threads, double tok_per_s) {
  Cell c;
  c.id = fmt::format("{}/{}/{}/s4/t{}", phase, kernel, encoding, threads);
  c.phase = phase;
  c.kernel = kernel;
  c.encoding = encoding;
  c.schedule = "static";
  c.grain = 4;
  c.row_tile = 16;
  c.grain_rows = 64;
  c.threads = threads;
  c.model = "mini";
  c.exact = true;
  c.status = Status::kOk;
  c.repro = "ryz-lab diagnose --filter '" + c.id + "' --seed 42";
  c.effective = {.isa_requested = {"avx512f", "avx512vbmi"},
                 .isa_called = {{"avx512f+avx512vbmi", 12345}},
                 .called_as_requested = true,
                 .cpus = {},
                 .pinned = true};
  for (unsigned t = 0; t < threads; ++t) c.effective.cpus.push_back(static_cast<int>(2 * t));
  c.error = {.products_worst = 0.0,
             .products_median = 0.0,
             .worst_product = "blk.0.attn_q",
             .activation_rms = 0.97,
             .activation_rms_median = 0.93,
             .logits = 0.0,
             .mismatches = 0,
             .non_finite = false,
             .tolerance = 0.0,
             .digest = "9f86d081884c7d65",
             .reason = ""};
  c.samples = sample_times(tok_per_s, threads);
  c.tok_per_s = throughput(c.samples, kSeed);
  c.roofline = {1500000, 1.5e-3 * tok_per_s, 0.41, 6.0e-3 * tok_per_s, 0.2, "overhead"};
  c.attribution =
      Attribution{{{0.9, 0.02, 0.08}, {0.8, 0.02, 0.18}}, 0.06, 0.04, 84.0, 31.0, 21.5, 0.004};
  c.weights_bytes = 1234567;
  c.table_bytes = 20736;
  c.counters = {{"context_switches", 0.01}, {"task_clock_ns", 2.5e6}};
  c.counters_running_ratio = 1.0;
  return c;
}

Cell wrong_cell() {
  Cell c = make_cell("decode", "avx512-gather", "sign-bits", 1, 1.0);
  c.axes = {{"output", "interleaved"}, {"pool", "locked"}};
  c.id += "@output=interleaved@pool=locked";
  c.exact = false;
  c.known_wrong = true;
  c.status = Status::kWrong;
  c.status_reason = "logits differ from naive by 141 %";
  c.effective.called_as_requested = false;
  c.error.products_worst = 3.1;
  c.error.products_median = 2.95;
  c.error.logits = 1.41;
  c.error.mismatches = 40960;
  c.error.tolerance = 1e-5;
  c.tok_per_s.reset();
  c.tok_per_s_reason = "wrong result: a wrong cell has no speed";
  c.samples.clear();
  c.scaling_reason = "no speed";
  c.roofline.reset();
  c.roofline_reason = "no speed";
  return c;
}

Cell skipped_cell() {
  Cell c = make_cell("prefill", "avx512-vnni", "two-bit", 1, 1.0);
  c.status = Status::kSkipped;
  c.status_reason = "needs avx512vnni";
  c.effective = {};
  c.error = {};
  c.error.reason = "needs avx512vnni";
  c.tok_per_s.reset();
  c.tok_per_s_reason = "needs avx512vnni";
  c.samples.clear();
  c.scaling_reason = "needs avx512vnni";
  c.roofline.reset();
  c.roofline_reason = "needs avx512vnni";
  return c;
}

void add_cells(Report& r) {
  const auto add = [&](const char* phase, const char* kernel, const char* encoding, double one,
                       double four) {
    Cell first = make_cell(phase, kernel, encoding, 1, one);
    Cell last = make_cell(phase, kernel, encoding, 4, four);
    first.speedup = 1.0;
    first.efficiency = 1.0;
    last.speedup = paired_ratio(last.samples, first.samples, kSeed).ratio;
    last.efficiency = *last.speedup / 4.0;
    r.cells.push_back(std::move(first));
    r.cells.push_back(std::move(last));
  };
  add("decode", "scalar", "quad", 4.1, 15.9);
  add("decode", "avx2", "quad", 19.4, 61.2);
  add("decode", "avx512-vbmi", "quad", 41.5, 133.7);
  add("prefill", "avx512-vbmi", "quad", 80.25, 299.0);
  r.cells.push_back(wrong_cell());
  r.cells.push_back(skipped_cell());
}

std::vector<Verdict> sample_verdicts() {
  return {{.name = "simd",
           .state = State::kClear,
           .code = "OK",
           .summary = "avx512-vbmi was called for every product and is 10.1 times scalar",
           .evidence = {{.fact = "paired speed-up over scalar at one thread",
                         .value = 10.12,
                         .unit = "ratio",
                         .cells = {"decode/avx512-vbmi/quad/s4/t1", "decode/scalar/quad/s4/t1"}}},
           .rule = "called = requested and the lower bound of the speed-up is at least 1.2",
           .impact_ratio = 1.0,
           .next_step = "nothing to do"},
          {.name = "encoding",
           .state = State::kBlocked,
           .code = "SIGN_BITS",
           .summary = "sign-bits keeps one bit of each activation: products are off by 310 %",
           .evidence = {{.fact = "worst product",
                         .value = 3.1,
                         .unit = "ratio",
                         .cells = {"decode/avx512-gather/sign-bits/s4/t1@output=interleaved@pool="
                                   "locked"}}},
           .rule = "products and logits within the tolerance of naive",
           .impact_ratio = 1.5,
           .next_step = "use bit-planes"},
          {.name = "threading",
           .state = State::kUnknown,
           .code = "NOT_MEASURED",
           .summary = "one thread only",
           .evidence = {{.fact = "thread counts", .value = 1.0, .unit = "count", .cells = {}}},
           .rule = "the repaired schedule is at least 5 % faster, paired by round",
           .impact_ratio = 1.01,
           .next_step = "run with --threads 1-phys"}};
}

void add_conclusions(Report& r) {
  r.curves = {{"decode",
               "avx512-vbmi",
               "quad",
               "s4",
               "mini",
               {{1, "measured", "", "decode/avx512-vbmi/quad/s4/t1", 41.5, 1.0, 1.0},
                {4, "measured", "", kSampleFast, 133.7, 3.22, 0.805},
                {8, "not_measured", "this machine has 4 cores", "", {}, {}, {}},
                {16, "projected", "replay of one thread", "", 210.5, 5.07, 0.317, 6.1, 4.9}},
               Projection{.one_thread_tok_per_s = 41.5,
                          .dispatch_ns = 42.0,
                          .barrier_ns = 310.0,
                          .gb_per_s = 80.0,
                          .roof_source = "given",
                          .checked_threads = 4,
                          .error_ratio = 0.03,
                          .error_reason = "",
                          .amdahl_serial_share = 0.08,
                          .usl_contention = 0.07,
                          .usl_coherency = 0.001}}};
  r.ladder = {{.stage = 1,
               .title = "as found: sign-bits, scalar called",
               .threads = 1,
               .cell_id = "decode/avx512-gather/sign-bits/s4/t1@output=interleaved@pool=locked",
               .status = Status::kWrong,
               .status_reason = "logits differ from naive by 141 %",
               .tok_per_s = 2.5,
               .ci_lo = 2.45,
               .ci_hi = 2.55,
               .error = r.cells[8].error,
               .verdicts = sample_verdicts(),
               .promised_tok_per_s = 0.42},
              {.stage = 5,
               .title = "best of the catalogue",
               .threads = 4,
               .cell_id = kSampleFast,
               .status = Status::kOk,
               .status_reason = "",
               .tok_per_s = 133.7,
               .ci_lo = 133.2,
               .ci_hi = 134.2,
               .error = r.cells[5].error,
               .verdicts = {sample_verdicts()[0]},
               .promised_tok_per_s = 55.5}};
  r.faults = {{.fault = "dynamic,1",
               .threads = 4,
               .cell_id = kSampleFast,
               .status = Status::kOk,
               .status_reason = "",
               .tok_per_s = 99.0,
               .slowdown_ratio = 1.35,
               .ci_lo = 1.31,
               .ci_hi = 1.4}};
  r.verdicts = sample_verdicts();
  r.gates = {{.name = "fail-under",
              .state = "pass",
              .threshold = 10.0,
              .measured = 133.7,
              .cell_id = kSampleFast,
              .reason = ""},
             {.name = "prefill",
              .state = "not_measured",
              .threshold = 20.0,
              .measured = {},
              .cell_id = "",
              .reason = "no cell was asked for"}};
}

}  // namespace

Report sample_report() {
  Report r;
  r.report_id = "20250102T030405Z-7c1e5d20";
  r.command = "diagnose";
  r.complete = true;
  r.created_utc = "2025-01-02T03:04:05Z";
  r.duration_s = 620.5;
  r.tool = {.version = "0.1.0",
            .git_sha = "244c47c0ffee",
            .git_dirty = true,
            .argv = {"ryz-lab", "diagnose", "--model", "mini"}};
  r.build = {.type = "Release",
             .compiler = "GNU 12.2.0",
             .flags = "-O3 -ffp-contract=off",
             .openmp_runtime = "libgomp 201511",
             .isa_compiled = {"avx2", "avx512f", "avx512vbmi"}};
  r.machine = sample_machine();
  r.models = {{.source = "mini",
               .arch = "bitnet-b1.58",
               .hash = "fnv:1b2c3d4e5f607182",
               .ternary_weights = 11796480,
               .head_bytes = 430080,
               .head_format = "q6_k",
               .dims = {{"embd", 512}, {"ffn", 1536}, {"layers", 4}, {"heads", 8}}}};
  r.config = {.kernels = {"scalar", "avx2", "avx512-vbmi"},
              .encodings = {"quad", "sign-bits"},
              .phases = {"decode", "prefill"},
              .schedules = {"static"},
              .grains = {1, 4, 16},
              .threads = {1, 4},
              .seed = kSeed,
              .rounds = 10,
              .sample_ms = 200.0,
              .pin = "cores",
              .prompt = {1, 5, 9, 2},
              .prompt_tokens = 32,
              .filter = "quad",
              .exclude = "naive"};
  r.catalogue = {{.kernel = "avx512-vbmi",
                  .encoding = "quad",
                  .isa_needed = {"avx512f", "avx512vbmi"},
                  .bits_per_weight = 2.0,
                  .row_tile = 16,
                  .table_kind = "activations",
                  .table_bytes = 20736,
                  .as_found_table_bytes = {},
                  .exact = true,
                  .known_wrong = "",
                  .runnable = true,
                  .reason = ""},
                 {.kernel = "avx512-gather",
                  .encoding = "sign-bits",
                  .isa_needed = {"avx512f"},
                  .bits_per_weight = 2.0,
                  .row_tile = 1,
                  .table_kind = "pattern",
                  .table_bytes = 3359232,
                  .as_found_table_bytes = 1509949440,
                  .exact = false,
                  .known_wrong = "one sign bit of each activation",
                  .runnable = true,
                  .reason = ""},
                 {.kernel = "avx512-vnni",
                  .encoding = "two-bit",
                  .isa_needed = {"avx512f", "avx512vnni"},
                  .bits_per_weight = 2.0,
                  .row_tile = 1,
                  .table_kind = "none",
                  .table_bytes = 0,
                  .as_found_table_bytes = {},
                  .exact = true,
                  .known_wrong = "",
                  .runnable = false,
                  .reason = "needs avx512vnni"}};
  r.experiment = "sample";
  r.question = "Is every field filled?";
  r.read_bandwidth = {{1, 12.5}, {4, 41.25}};
  r.counters = {{"task_clock_ns", true, ""},
                {"cycles", false, "this CPU shows no such counter here"}};
  r.multiply_rate = {{1, 230.5, "vpdpbusd/512"}, {4, 910.0, "vpdpbusd/512"}};
  r.encoding_errors = {{"sign-bits", "scalar", 0.2, 0.199, 4.25, 4.26},
                       {"later", "scalar", 0.2, 0.199, 0.5, std::nullopt}};
  add_cells(r);
  add_conclusions(r);
  r.predictions = {
      {"decode/a/b/g4/t2", "decode/a/b/g4/t1", 2, 5, 12.5, 12.0, -0.04, -0.05, -0.03, 0.07, 48.5},
      {"decode/a/b/g1/t2", "decode/a/b/g1/t1", 2, 5, 12.5, 15.0, 0.2, 0.18, 0.22, 0.07,
       std::nullopt, 1.98}};
  r.warnings = {"load 0.25 before the run"};
  r.verdict = "blocked";
  r.exit_code = 0;
  return r;
}

Cell& cell_of(Report& report, const std::string& id) {
  for (Cell& cell : report.cells) {
    if (cell.id == id) return cell;
  }
  throw std::logic_error("no cell " + id);
}

void scale_speed(Cell& cell, double factor) {
  for (Sample& s : cell.samples) {
    s.time_ns = static_cast<std::uint64_t>(static_cast<double>(s.time_ns) / factor);
  }
  cell.tok_per_s = throughput(cell.samples, kSeed);
}

}  // namespace ryz::report
