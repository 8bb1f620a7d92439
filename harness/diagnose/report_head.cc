#include "harness/diagnose/report_head.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "harness/measure/machine.h"
#include "harness/plan/axes.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

using report::Report;

const char* table_kind_name(TableKind kind) {
  switch (kind) {
    case TableKind::kNone:
      return "none";
    case TableKind::kPattern:
      return "pattern";
    case TableKind::kActivations:
      return "activations";
  }
  return "none";
}

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

template <class T>
std::vector<std::uint64_t> numbers(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

report::Config describe_config(const LabOptions& options) {
  report::Config c;
  for (const Kernel* k : options.axes.kernels) {
    if (std::find(c.kernels.begin(), c.kernels.end(), k->name) == c.kernels.end()) {
      c.kernels.emplace_back(k->name);
    }
    if (std::find(c.encodings.begin(), c.encodings.end(), k->encoding->name) == c.encodings.end()) {
      c.encodings.emplace_back(k->encoding->name);
    }
  }
  for (const Phase p : options.axes.phases) c.phases.emplace_back(phase_name(p));
  for (const LoopKind k : options.axes.schedules) {
    c.schedules.emplace_back(k == LoopKind::kStatic    ? "static"
                             : k == LoopKind::kDynamic ? "dynamic"
                             : k == LoopKind::kGuided  ? "guided"
                                                       : "stealing");
  }
  c.grains = numbers(options.axes.grains);
  c.threads = numbers(options.axes.threads);
  c.seed = options.seed;
  c.rounds = options.run.rounds;
  c.sample_ms = options.run.sample_ms;
  std::vector<std::string> pins;
  for (const Pinning& pin : options.axes.pins) pins.push_back(pin_name(pin));
  c.pin = join_names(pins);
  c.prompt_tokens = options.run.prefill_tokens;
  c.filter = options.filter;
  c.exclude = options.exclude;
  return c;
}

}  // namespace

report::Model describe_model(const Weights& weights) {
  const Config& c = weights.config;
  report::Model m;
  m.source = weights.source;
  m.arch = c.arch;
  m.hash = fmt::format("{:016x}", weights.hash);
  m.ternary_weights = c.ternary_weights();
  m.head_bytes = weights.head_bytes();
  m.head_format = row_format_name(weights.head.format);
  m.dims = {{"embd", c.embd},   {"ffn", c.ffn},           {"layers", c.layers},
            {"heads", c.heads}, {"kv_heads", c.kv_heads}, {"vocab", c.vocab}};
  return m;
}

Report begin_report(const std::string& command, const std::vector<std::string>& argv,
                    const LabOptions& options, const Catalogue& catalogue) {
  Report report;
  report.report_id = random_id();
  report.command = command;
  report.created_utc = utc_now();
  report.tool = tool_facts(argv);
  report.build = build_facts();
  report.machine = read_machine(machine_topology());
  report.config = describe_config(options);
  std::uint32_t compiled = 0;
  for (const Kernel* kernel : catalogue.kernels) {
    const Encoding& e = *kernel->encoding;
    report::CatalogueEntry entry;
    entry.kernel = kernel->name;
    entry.encoding = e.name;
    entry.isa_needed = isa_names(kernel->needs);
    entry.bits_per_weight = e.bits_per_weight;
    entry.row_tile = e.row_tile;
    entry.table_kind = table_kind_name(e.table_kind);
    entry.table_bytes = e.shared_table_bytes;
    entry.exact = e.exact;
    entry.known_wrong = e.known_wrong ? e.known_wrong : "";
    entry.reason = why_not_runnable(*kernel);
    entry.runnable = entry.reason.empty();
    report.catalogue.push_back(std::move(entry));
    compiled |= kernel->needs.bits;
  }
  report.build.isa_compiled = isa_names({compiled});
  return report;
}

void fill_table_bytes(Report& report, const Config& config, const Catalogue& catalogue) {
  for (report::CatalogueEntry& entry : report.catalogue) {
    const Encoding* e = catalogue.find_encoding(entry.encoding);
    if (e == nullptr) continue;
    if (e->table_kind == TableKind::kPattern) {
      entry.as_found_table_bytes = static_cast<std::uint64_t>(
          kAsFoundTableBytesPerWeight * static_cast<double>(config.ternary_weights()));
    } else if (e->activation_table_bytes != nullptr) {
      entry.table_bytes = e->activation_table_bytes(std::max(config.embd, config.ffn));
    }
  }
}

}  // namespace ryz
