// The members of every report type in the order the document shows them: the one list that writing
// and reading share. schema/report.schema.json says the same, with units and meanings.
#pragma once

#include "reports/json_archive.h"

namespace ryz::report {

using detail::Of;

inline constexpr const char* kNotMeasured = "not measured";

// A cell or stage that did not run says so itself; anything it lacks, it lacks for that reason.
inline std::string lacking(const std::string& reason, const char* otherwise = kNotMeasured) {
  return reason.empty() ? otherwise : reason;
}

template <class A>
void fields(A& a, Of<A, Tool>& v) {
  a("version", v.version);
  a("git_sha", v.git_sha);
  a("git_dirty", v.git_dirty);
  a("argv", v.argv);
}

template <class A>
void fields(A& a, Of<A, Build>& v) {
  a("type", v.type);
  a("compiler", v.compiler);
  a("flags", v.flags);
  a("openmp_runtime", v.openmp_runtime);
  a("isa_compiled", v.isa_compiled);
}

template <class A>
void fields(A& a, Of<A, Cache>& v) {
  a("level", v.level);
  a("bytes", v.bytes);
  a("shared_by_cores", v.shared_by_cores);
}

template <class A>
void fields(A& a, Of<A, Machine::Hard>& v) {
  a("arch", v.arch);
  a("cpu_vendor", v.cpu_vendor);
  a("cpu_model_name", v.cpu_model_name);
  a("cpu_family", v.cpu_family);
  a("cpu_model", v.cpu_model);
  a("cpu_stepping", v.cpu_stepping);
  a("isa_cpu", v.isa_cpu);
  a("isa_os", v.isa_os);
  a("isa_masked", v.isa_masked);
  a("isa_usable", v.isa_usable);
  a("cores_physical", v.cores_physical);
  a("cpus_allowed", v.cpus_allowed);
  a.optional("cpu_quota_cores", v.cpu_quota_cores, "no limit");
  a("smt", v.smt);
  a("llc_bytes", v.llc_bytes);
  a("numa_nodes", v.numa_nodes);
  a("hypervisor", v.hypervisor);
}

template <class A>
void fields(A& a, Of<A, Machine::Soft>& v) {
  a("kernel", v.kernel);
  a("microcode", v.microcode);
  a("governor", v.governor);
  a("turbo", v.turbo);
  a("thp", v.thp);
  a("aslr", v.aslr);
  a("memory_bytes", v.memory_bytes);
  a("load_1min", v.load_1min);
}

template <class A>
void fields(A& a, Of<A, Machine>& v) {
  a("key", v.key);
  a("hard", v.hard);
  a("soft", v.soft);
  a("caches", v.caches);
}

template <class A>
void fields(A& a, Of<A, Model>& v) {
  a("source", v.source);
  a("arch", v.arch);
  a("hash", v.hash);
  a("ternary_weights", v.ternary_weights);
  a("head_bytes", v.head_bytes);
  a("head_format", v.head_format);
  a("dims", v.dims);
}

template <class A>
void fields(A& a, Of<A, Config>& v) {
  a("kernels", v.kernels);
  a("encodings", v.encodings);
  a("phases", v.phases);
  a("schedules", v.schedules);
  a("grains", v.grains);
  a("threads", v.threads);
  a("seed", v.seed);
  a("rounds", v.rounds);
  a("sample_ms", v.sample_ms);
  a("pin", v.pin);
  a("prompt", v.prompt);
  a("prompt_tokens", v.prompt_tokens);
  a("filter", v.filter);
  a("exclude", v.exclude);
}

template <class A>
void fields(A& a, Of<A, CatalogueEntry>& v) {
  a("kernel", v.kernel);
  a("encoding", v.encoding);
  a("isa_needed", v.isa_needed);
  a("bits_per_weight", v.bits_per_weight);
  a("row_tile", v.row_tile);
  a("table_kind", v.table_kind);
  a("table_bytes", v.table_bytes);
  a.optional("as_found_table_bytes", v.as_found_table_bytes,
             "its tables do not belong to weight patterns");
  a("exact", v.exact);
  a("known_wrong", v.known_wrong);
  a("runnable", v.runnable);
  a("reason", v.reason);
}

template <class A>
void fields(A& a, Of<A, Bandwidth>& v) {
  a("threads", v.threads);
  a("gb_per_s", v.gb_per_s);
}

template <class A>
void fields(A& a, Of<A, MultiplyRate>& v) {
  a("threads", v.threads);
  a("gmac_per_s", v.gmac_per_s);
  a.later("instructions", v.instructions);
}

template <class A>
void fields(A& a, Of<A, EncodingError>& v) {
  a("encoding", v.encoding);
  a("kernel", v.kernel);
  a("rms", v.rms);
  a("actual_rms", v.actual_rms);
  a("error_ratio", v.error_ratio);
  a.optional("expected_ratio", v.expected_ratio, "no formula is known");
}

template <class A>
void fields(A& a, Of<A, ThreadShare>& v) {
  a("busy_ratio", v.busy_ratio);
  a("dispatch_ratio", v.dispatch_ratio);
  a("wait_ratio", v.wait_ratio);
}

template <class A>
void fields(A& a, Of<A, Attribution>& v) {
  a("threads", v.threads);
  a("imbalance_ratio", v.imbalance_ratio);
  a("serial_ratio", v.serial_ratio);
  a("chunks_per_token", v.chunks_per_token);
  a("barriers_per_token", v.barriers_per_token);
  a("clock_read_ns", v.clock_read_ns);
  a("overhead_ratio", v.overhead_ratio);
}

template <class A>
void fields(A& a, Of<A, Projection>& v) {
  a("one_thread_tok_per_s", v.one_thread_tok_per_s);
  a("dispatch_ns", v.dispatch_ns);
  a("barrier_ns", v.barrier_ns);
  a.optional("gb_per_s", v.gb_per_s, "the weights fit in the caches");
  a("roof_source", v.roof_source);
  a("checked_threads", v.checked_threads);
  a.optional("error_ratio", v.error_ratio, v.error_reason, kNotMeasured);
  a.optional("amdahl_serial_share", v.amdahl_serial_share, "nothing was measured above one thread");
  a.optional("usl_contention", v.usl_contention, "needs two thread counts above one");
  a.optional("usl_coherency", v.usl_coherency, "needs two thread counts above one");
}

template <class A>
void fields(A& a, Of<A, Sample>& v) {
  a("round", v.round);
  a("order", v.order);
  a("tokens", v.tokens);
  a("time_ns", v.time_ns);
  a.later("reference_compute_ns", v.reference_compute_ns);
  a.later("reference_memory_ns", v.reference_memory_ns);
  a.later("cpu_ratio", v.cpu_ratio);
  a.later("involuntary_switches", v.involuntary_switches);
  a.later("migrations", v.migrations);
  a.later("page_faults", v.page_faults);
  a.later("steal_ns", v.steal_ns);
  a.later("disturbed", v.disturbed);
}

template <class A>
void fields(A& a, Of<A, Throughput>& v) {
  a("median", v.median);
  a("ci_lo", v.ci_lo);
  a("ci_hi", v.ci_hi);
  a("mad", v.mad);
  a("n", v.n);
}

template <class A>
void fields(A& a, Of<A, Errors>& v) {
  const std::string why = lacking(v.reason);
  a.optional("products_worst", v.products_worst, why);
  a.optional("products_median", v.products_median, why);
  a("worst_product", v.worst_product);
  a.optional("activation_rms", v.activation_rms, why);
  a.optional("activation_rms_median", v.activation_rms_median, why);
  a.optional("logits", v.logits, why);
  a.optional("mismatches", v.mismatches, why);
  a("non_finite", v.non_finite);
  a("tolerance", v.tolerance);
  a("digest", v.digest);
  a("reason", v.reason);
}

template <class A>
void fields(A& a, Of<A, Effective>& v) {
  a("isa_requested", v.isa_requested);
  a("isa_called", v.isa_called);
  a("called_as_requested", v.called_as_requested);
  a("cpus", v.cpus);
  a("pinned", v.pinned);
}

template <class A>
void fields(A& a, Of<A, Roofline>& v) {
  a("bytes_per_token", v.bytes_per_token);
  a("gb_per_s", v.gb_per_s);
  a.optional("roof_ratio", v.roof_ratio,
             "the data fits the caches, or no bandwidth was measured for as many threads");
  a.later("gmac_per_s", v.gmac_per_s);
  a.later("gmac_ratio", v.gmac_ratio);
  a.later("bound", v.bound);
  a.later("beside_ratio", v.beside_ratio);
}

template <class A>
void fields(A& a, Of<A, Cell>& v) {
  a("id", v.id);
  a("phase", v.phase);
  a("kernel", v.kernel);
  a("encoding", v.encoding);
  a("schedule", v.schedule);
  a("grain", v.grain);
  a("row_tile", v.row_tile);
  a("grain_rows", v.grain_rows);
  a("threads", v.threads);
  a("model", v.model);
  a("axes", v.axes);
  a("exact", v.exact);
  a("known_wrong", v.known_wrong);
  a("status", v.status);
  a("status_reason", v.status_reason);
  a("few_samples", v.few_samples);
  a("repro", v.repro);
  a("effective", v.effective);
  a("error", v.error);
  const std::string why = lacking(v.status_reason);
  a.optional("tok_per_s", v.tok_per_s, v.tok_per_s_reason, why);
  a("samples", v.samples);
  a.group("scaling", [&](auto& g) {
    g.optional("speedup", v.speedup, v.scaling_reason, why);
    // The same reason, written twice so that each null has one beside it.
    g.optional("efficiency", v.efficiency, lacking(v.scaling_reason, why.c_str()));
  });
  a.optional("roofline", v.roofline, v.roofline_reason, why);
  a.later("attribution", v.attribution);
  a.group("memory", [&](auto& g) {
    g("weights_bytes", v.weights_bytes);
    g("table_bytes", v.table_bytes);
  });
  a.later("counters", v.counters);
  a.later("counters_running_ratio", v.counters_running_ratio);
}

template <class A>
void fields(A& a, Of<A, CounterState>& v) {
  a("name", v.name);
  a("available", v.available);
  a("reason", v.reason);
}

template <class A>
void fields(A& a, Of<A, CurvePoint>& v) {
  a("threads", v.threads);
  a("state", v.state);
  a("reason", v.reason);
  a("cell_id", v.cell_id);
  a.optional("tok_per_s", v.tok_per_s, lacking(v.reason));
  a.optional("speedup", v.speedup, lacking(v.reason));
  a.optional("efficiency", v.efficiency, lacking(v.reason));
  a.later("amdahl_speedup", v.amdahl_speedup);
  a.later("usl_speedup", v.usl_speedup);
}

template <class A>
void fields(A& a, Of<A, Curve>& v) {
  a("phase", v.phase);
  a("kernel", v.kernel);
  a("encoding", v.encoding);
  a("schedule", v.schedule);
  a("model", v.model);
  a("points", v.points);
  a.later("projection", v.projection);
}

template <class A>
void fields(A& a, Of<A, Prediction>& v) {
  a("cell_id", v.cell_id);
  a("one_thread_cell_id", v.one_thread_cell_id);
  a("threads", v.threads);
  a("rounds", v.rounds);
  a("measured_ms", v.measured_ms);
  a("predicted_ms", v.predicted_ms);
  a("error_ratio", v.error_ratio);
  a("error_lo", v.error_lo);
  a("error_hi", v.error_hi);
  a("limit_ratio", v.limit_ratio);
  a.optional("gb_per_s", v.gb_per_s, "the weights fit in the caches");
  a.later("work_slowdown", v.work_slowdown);
}

template <class A>
void fields(A& a, Of<A, Evidence>& v) {
  a("fact", v.fact);
  a.optional("value", v.value, "the fact is no number");
  a("unit", v.unit);
  a("cells", v.cells);
}

template <class A>
void fields(A& a, Of<A, Verdict>& v) {
  a("name", v.name);
  a("state", v.state);
  a("code", v.code);
  a("summary", v.summary);
  a("evidence", v.evidence);
  a("rule", v.rule);
  a.optional("impact_ratio", v.impact_ratio, kNotMeasured);
  a("next_step", v.next_step);
}

template <class A>
void fields(A& a, Of<A, LadderStage>& v) {
  const std::string why = lacking(v.status_reason);
  a("stage", v.stage);
  a("title", v.title);
  a("threads", v.threads);
  a("cell_id", v.cell_id);
  a("status", v.status);
  a("status_reason", v.status_reason);
  a.optional("tok_per_s", v.tok_per_s, why);
  a.optional("ci_lo", v.ci_lo, why);
  a.optional("ci_hi", v.ci_hi, why);
  a("error", v.error);
  a("verdicts", v.verdicts);
  a.optional("promised_tok_per_s", v.promised_tok_per_s, "nothing was promised for this stage");
}

template <class A>
void fields(A& a, Of<A, FaultCost>& v) {
  const std::string why = lacking(v.status_reason);
  a("fault", v.fault);
  a("threads", v.threads);
  a("cell_id", v.cell_id);
  a("status", v.status);
  a("status_reason", v.status_reason);
  a.optional("tok_per_s", v.tok_per_s, why);
  a.optional("slowdown_ratio", v.slowdown_ratio, why);
  a.optional("ci_lo", v.ci_lo, why);
  a.optional("ci_hi", v.ci_hi, why);
}

template <class A>
void fields(A& a, Of<A, Gate>& v) {
  a("name", v.name);
  a("state", v.state);
  a("threshold", v.threshold);
  a.optional("measured", v.measured, lacking(v.reason));
  a("cell_id", v.cell_id);
  a("reason", v.reason);
}

template <class A>
void fields(A& a, Of<A, Report>& v) {
  a("report_id", v.report_id);
  a("command", v.command);
  a("complete", v.complete);
  a("created_utc", v.created_utc);
  a("duration_s", v.duration_s);
  a("tool", v.tool);
  a("build", v.build);
  a("machine", v.machine);
  a("models", v.models);
  a("config", v.config);
  a("catalogue", v.catalogue);
  a.later("experiment", v.experiment);
  a.later("question", v.question);
  a.group("roofs", [&](auto& g) {
    g("read_gb_per_s", v.read_bandwidth);
    g.later("int8_gmac_per_s", v.multiply_rate);
  });
  a.later("counters", v.counters);
  a.later("encoding_errors", v.encoding_errors);
  a("cells", v.cells);
  a("curves", v.curves);
  a.later("predictions", v.predictions);
  a("ladder", v.ladder);
  a("faults", v.faults);
  a.keyed("verdicts", v.verdicts);
  a("gates", v.gates);
  a("warnings", v.warnings);
  a.group("gate", [&](auto& g) {
    g("verdict", v.verdict);
    g("exit_code", v.exit_code);
  });
}

}  // namespace ryz::report
