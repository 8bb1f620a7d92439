#include "harness/cli/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>

#include "harness/diagnose/injected_faults.h"
#include "harness/measure/machine.h"
#include "harness/plan/axes.h"
#include "harness/plan/faults.h"
#include "harness/plan/topology_plan.h"
#include "kernels/cpu.h"
#include "kernels/schedule.h"

namespace ryz {
namespace {

bool is_auto(const std::string& text) { return text == "auto" || text == "best"; }

bool is_pattern(const std::string& name) {
  return name == "all" || name.find_first_of("*?") != std::string::npos;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

// A kernel named outright must run here: never a silent fallback, never a row that is just missing.
void refuse_unrunnable(const std::string& kernel_list, const std::vector<const Kernel*>& kernels) {
  for (const std::string& name : split(kernel_list)) {
    if (is_pattern(name)) continue;
    for (const Kernel* k : kernels) {
      if (name != k->name) continue;
      const std::string reason = why_not_runnable(*k);
      if (!reason.empty()) {
        throw EnvironmentError(
            fmt::format("--kernel {}: it {}; `ryz-lab list` shows what runs here", name, reason));
      }
    }
  }
}

std::vector<Phase> parse_phases(const std::string& text) {
  std::vector<Phase> phases;
  for (const std::string& name : match_names("--phase", text, {"decode", "prefill"})) {
    phases.push_back(name == "decode" ? Phase::kDecode : Phase::kPrefill);
  }
  return phases;
}

std::vector<LoopKind> parse_schedules(const std::string& text) {
  std::vector<LoopKind> kinds;
  for (const std::string& name :
       match_names("--schedule", text, {"static", "dynamic", "guided", "stealing"})) {
    kinds.push_back(name == "static"    ? LoopKind::kStatic
                    : name == "dynamic" ? LoopKind::kDynamic
                    : name == "guided"  ? LoopKind::kGuided
                                        : LoopKind::kStealing);
  }
  return kinds;
}

// Values of an axis that has a name for each.
template <class Policy, std::size_t N>
std::vector<Policy> parse_policies(const char* flag, const std::string& text,
                                   const Policy (&all)[N], const char* (*name)(Policy)) {
  std::vector<std::string> names;
  for (const Policy p : all) names.emplace_back(name(p));
  std::vector<Policy> chosen;
  for (const std::string& word : match_names(flag, text, names)) {
    const auto it = std::find(names.begin(), names.end(), word);
    chosen.push_back(all[it - names.begin()]);
  }
  return chosen;
}

void resolve_schedule(const RunFlags& f, Axes& axes) {
  axes.schedules = parse_schedules(f.schedule);
  const AxisValues grains = parse_axis_or_auto(f.grain, grain_axis());
  axes.grains = grains.numbers;
  if (grains.automatic) axes.grains.insert(axes.grains.begin(), 0);
  constexpr ScratchPolicy kScratches[] = {ScratchPolicy::kArenas, ScratchPolicy::kLockedPool};
  axes.scratches = parse_policies("--scratch", f.scratch, kScratches, scratch_name);
  constexpr OutputPolicy kOutputs[] = {OutputPolicy::kAligned, OutputPolicy::kInterleaved};
  axes.outputs = parse_policies("--output", f.output, kOutputs, output_name);
  constexpr RegionPolicy kRegions[] = {RegionPolicy::kToken, RegionPolicy::kProduct};
  axes.regions = parse_policies("--region", f.region, kRegions, region_name);
  constexpr BarrierPolicy kBarriers[] = {BarrierPolicy::kYield, BarrierPolicy::kSpin,
                                         BarrierPolicy::kPark};
  axes.barriers = parse_policies("--barrier", f.barrier, kBarriers, barrier_name);
  constexpr FirstTouch kTouches[] = {FirstTouch::kOwners, FirstTouch::kOne};
  axes.first_touches = parse_policies("--first-touch", f.first_touch, kTouches, first_touch_name);
  axes.pins = parse_pinnings(f.pin, machine_topology());
  if (f.bundle.empty() && f.keep_fault.empty()) return;
  axes.bundles = schedule_bundles(f.bundle.empty() ? "repaired" : f.bundle,
                                  f.keep_fault.empty() ? "none" : f.keep_fault);
  // What the report's head says of the axes is what the bundles hold.
  axes.schedules.clear();
  axes.grains.clear();
  axes.pins.clear();
  const auto add = [](auto& values, const auto& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  };
  for (const SchedulePlan& plan : axes.bundles) {
    add(axes.schedules, plan.schedule.loop.kind);
    add(axes.grains, plan.schedule.loop.grain);
    add(axes.pins, plan.pin);
  }
}

}  // namespace

void add_run_flags(CLI::App& app, RunFlags& f) {
  const std::string what = "What to measure";
  app.add_option("--model", f.model,
                 "GGUF file, or a preset: tiny, mini, small, 700m, bitnet-2b4t, 7b")
      ->capture_default_str()
      ->group(what);
  app.add_option("--kernel", f.kernel, "Kernels: names, globs, all, auto")
      ->capture_default_str()
      ->group(what);
  app.add_option("--encoding", f.encoding, "Encodings: names, globs, all, auto")
      ->capture_default_str()
      ->group(what);
  app.add_option("--phase", f.phase, "decode, prefill or all")->capture_default_str()->group(what);
  const std::string schedule = "How products are scheduled (lists; all)";
  CLI::Option* const bundle =
      app.add_option("--bundle", f.bundle, "as-found, repaired: whole schedules")->group(schedule);
  CLI::Option* const keep =
      app.add_option("--keep-fault", f.keep_fault,
                     "Faults kept in the repaired bundle: none, grain, lock, false-sharing,\n"
                     "region, unpinned, lock+grain, all (each alone), together")
          ->group(schedule);
  const auto axis = [&](const char* name, std::string& value, const char* help) {
    app.add_option(name, value, help)
        ->capture_default_str()
        ->group(schedule)
        ->excludes(bundle)
        ->excludes(keep);
  };
  axis("--schedule", f.schedule, "static, dynamic, guided, stealing");
  axis("--grain", f.grain, "Iterations (row tiles) a chunk, e.g. 1,4,16 or 1-64*4; auto");
  axis("--scratch", f.scratch, "arenas (a thread's own), pool (behind a lock)");
  axis("--output", f.output, "aligned (lines of one thread), interleaved (shared lines)");
  axis("--region", f.region, "Parallel regions: token (one a token), product (one a product)");
  axis("--barrier", f.barrier, "Waiting at a barrier: yield, spin, park");
  axis("--first-touch", f.first_touch,
       "Who first writes packed weights, on whose NUMA node they then lie:\n"
       "owners (the threads that read them), one (a single thread)");
  axis("--pin", f.pin, "cores, none, compact, spread, smt, list:0,2-3");
  app.add_option("--topology", f.topology,
                 "Run nothing: show which CPUs each --pin and --threads would take on a machine\n"
                 "that hwloc describes so: 'pack:2 numa:2 core:4 pu:2'")
      ->group(schedule);
  app.add_option("--threads", f.threads,
                 "e.g. 1-8, phys, 1-phys [1 to 8, cut to the cores]; with --project those\n"
                 "beyond the cores are projected")
      ->group(what);
  app.add_option("--filter", f.filter, "Only cells whose id matches this regular expression")
      ->group(what);
  app.add_option("--exclude", f.exclude, "Not the cells whose id matches")->group(what);
  const std::string how = "How to measure";
  app.add_option("--profile", f.profile,
                 "quick (3 rounds of 20 ms), default (3 of 50 ms) or gate (10 of 100 ms); diagnose "
                 "gives the cells that compare gates 8 rounds at least")
      ->check(CLI::IsMember({"quick", "default", "gate"}))
      ->capture_default_str()
      ->group(how);
  app.add_option("--rounds", f.rounds, "Rounds; each visits every cell once [the profile's]")
      ->check(CLI::Range(1U, 10000U))
      ->group(how);
  app.add_option("--sample-ms", f.sample_ms, "Shortest sample [the profile's]")
      ->check(CLI::Range(0.01, 1e6))
      ->group(how);
  app.add_option(
         "--budget", f.budget,
         "Time for the whole run, e.g. 90s or 10m: rounds beyond three are left out to hold "
         "it; where three do not fit the report is incomplete (exit 8)")
      ->group(how);
  app.add_option("--journal", f.journal,
                 "Every sample goes to this file at once [the JSON report's name with .journal]")
      ->group(how);
  app.add_flag("--resume", f.resume, "Go on with the journal of a run that was cut short")
      ->group(how);
  app.add_option(
         "--inject", f.inject,
         "Put in a fault and judge it: simd-off, lut-bitflip, tail-bug, empty-kernel, race, "
         "lock, imbalance, fine-grain, false-sharing, serial-part, oversubscribe, unpinned, "
         "none; or extra-rows:PERCENT")
      ->envname("RYZ_LAB_INJECT")
      ->group(how);
  app.add_option("--prompt-tokens", f.prompt_tokens, "Tokens of a prefill sample")
      ->check(CLI::Range(1U, 4096U))
      ->capture_default_str()
      ->group(how);
  app.add_option("--gen-tokens", f.gen_tokens,
                 "Tokens of a decode sample [as many as --sample-ms takes]")
      ->check(CLI::Range(1U, 4096U))
      ->group(how);
  app.add_option("--prompt", f.prompt, "Forced token ids of the logits' check [8 fixed ones]")
      ->group(how);
  app.add_option("--seed", f.seed, "Of preset weights and of the rounds' order")
      ->capture_default_str()
      ->group(how);
  app.add_flag("--project", f.project,
               "Replay one thread's chunks on more cores than there are, beside two fitted laws")
      ->group(how);
  app.add_option("--dram-gbps", f.dram_gbps,
                 "Read bandwidth of all cores that projections assume [the most measured]")
      ->check(CLI::Range(0.1, 1e5))
      ->group(how);
  app.add_flag("--attribute", f.attribute,
               "Where each cell's threads spend their time, in traced runs after the samples")
      ->group(how);
  app.add_flag("--oversubscribe", f.oversubscribe, "Allow more threads than physical cores")
      ->group(how);
  app.add_flag("--allow-debug", f.allow_debug,
               "Time an unoptimised or sanitized build all the same")
      ->group(how);
  app.add_flag("-q,--quiet", f.quiet, "No progress");
}

std::vector<const Kernel*> select_kernels(const std::string& kernel, const std::string& encoding,
                                          const Catalogue& catalogue) {
  std::vector<std::string> kernel_names = catalogue.kernel_names();
  std::vector<std::string> encoding_names = catalogue.encoding_names();
  const auto wanted = [](const std::vector<std::string>& names, const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!is_auto(kernel)) kernel_names = match_names("--kernel", kernel, kernel_names);
  if (!is_auto(encoding)) encoding_names = match_names("--encoding", encoding, encoding_names);
  std::vector<const Kernel*> chosen;
  for (const Kernel* k : catalogue.kernels) {
    if (!wanted(kernel_names, k->name) || !wanted(encoding_names, k->encoding->name)) continue;
    const bool usable = why_not_runnable(*k).empty();
    // With auto, the first of the catalogue that runs: it lists those to prefer first.
    if (is_auto(kernel) || is_auto(encoding)) {
      if (!usable) continue;
      const bool taken = std::any_of(chosen.begin(), chosen.end(), [&](const Kernel* other) {
        if (is_auto(kernel) && is_auto(encoding)) return true;
        return is_auto(kernel) ? other->encoding == k->encoding
                               : std::string_view(other->name) == k->name;
      });
      if (taken || (is_auto(encoding) && !k->encoding->exact)) continue;
    }
    chosen.push_back(k);
  }
  if (!is_auto(kernel)) {
    std::vector<const Kernel*> named;
    for (const Kernel* k : catalogue.kernels) {
      if (wanted(kernel_names, k->name) && wanted(encoding_names, k->encoding->name)) {
        named.push_back(k);
      }
    }
    refuse_unrunnable(kernel, named);
  }
  if (chosen.empty()) {
    throw UsageError({.id = "RZ211",
                      .message = fmt::format("no kernel {} reads encoding {}", kernel, encoding),
                      .flag = "--kernel",
                      .text = kernel,
                      .help = "`ryz-lab list` shows every pair"});
  }
  return chosen;
}

double parse_duration(const std::string& flag, const std::string& text) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const double scale = unit.empty() || unit == "s" ? 1.0
                       : unit == "m"               ? 60.0
                       : unit == "h"               ? 3600.0
                                                   : 0.0;
  if (error != std::errc{} || !(value > 0.0) || scale == 0.0) {
    throw UsageError({.id = "RZ216",
                      .message = "a duration is a number with s, m or h",
                      .flag = flag,
                      .text = text,
                      .length = std::max<std::size_t>(1, text.size()),
                      .help = "e.g. " + flag + " 10m"});
  }
  return value * scale;
}

namespace {

struct Profile {
  unsigned rounds;
  double sample_ms;
};
Profile profile_named(const std::string& name) {
  if (name == "quick") return {3, 20.0};
  if (name == "gate") return {10, 100.0};
  return {3, 50.0};
}

void inject(const std::string& fault, const Catalogue& catalogue, LabOptions& options) {
  try {
    options.run.execute = fault_execution(fault, catalogue);
  } catch (const std::invalid_argument& error) {
    throw UsageError({.id = "RZ217",
                      .message = error.what(),
                      .flag = "--inject",
                      .text = fault,
                      .length = std::max<std::size_t>(1, fault.size()),
                      .help = "one of " + join_names(fault_names())});
  }
  options.fault = fault;
  options.self_test = true;
  options.ladder_model = "none";
}

}  // namespace

std::vector<std::int32_t> parse_tokens(const std::string& flag, const std::string& text) {
  std::vector<std::int32_t> tokens;
  std::size_t at = 0;
  for (const std::string& item : split(text)) {
    std::int32_t token = 0;
    const char* end = item.data() + item.size();
    const auto [stop, error] = std::from_chars(item.data(), end, token);
    if (error != std::errc{} || stop != end || token < 0) {
      throw UsageError({.id = "RZ202",
                        .message = "token ids are integers from 0, separated by commas",
                        .flag = flag,
                        .text = text,
                        .position = at,
                        .length = std::max<std::size_t>(1, item.size()),
                        .help = "e.g. " + flag + " 1,5,9"});
    }
    tokens.push_back(token);
    at += item.size() + 1;
  }
  return tokens;
}

namespace {

std::vector<unsigned> thread_list(const std::string& text, bool oversubscribe,
                                  const Topology& topology, unsigned cores, const char* who,
                                  bool has_oversubscribe = true) {
  std::vector<unsigned> threads;
  for (const std::uint64_t t : parse_axis(
           text, threads_axis(cores, topology.hardware_threads(), topology.performance_cores()))) {
    if (t > cores && !oversubscribe) {
      throw UsageError(
          {.id = "RZ212",
           .message =
               fmt::format("{} threads, but {} {} core{}", t, who, cores, cores == 1 ? "" : "s"),
           .flag = "--threads",
           .text = text,
           .length = std::max<std::size_t>(1, text.size()),
           .help =
               has_oversubscribe
                   ? "--project projects them, --oversubscribe takes them all the same; both say so"
                   : fmt::format("give {} at most", cores)});
    }
    if (t > kMostThreads) {
      throw UsageError({.id = "RZ205",
                        .message = fmt::format("more than {} threads", kMostThreads),
                        .flag = "--threads",
                        .text = text,
                        .help = "e.g. --threads 1-8"});
    }
    threads.push_back(static_cast<unsigned>(t));
  }
  return threads;
}

}  // namespace

std::vector<unsigned> parse_threads(const std::string& text, bool oversubscribe, bool curve) {
  const Topology& topology = machine_topology();
  const unsigned cores = std::max(1U, runnable_cores(read_machine(topology)));
  if (!text.empty()) {
    return thread_list(text, oversubscribe, topology, cores, "this process may use", curve);
  }
  constexpr unsigned kMost = 8;
  std::vector<unsigned> threads;
  for (unsigned t = curve ? 1 : cores; t <= (curve ? std::min(kMost, cores) : cores); ++t) {
    threads.push_back(t);
  }
  return threads;
}

std::string planned_run(const RunFlags& f) {
  Topology planned;
  try {
    planned = Topology::synthetic(f.topology);
  } catch (const std::invalid_argument& error) {
    throw UsageError({.id = "RZ218",
                      .message = error.what(),
                      .flag = "--topology",
                      .text = f.topology,
                      .length = std::max<std::size_t>(1, f.topology.size()),
                      .help = "as hwloc writes them, e.g. --topology 'pack:2 numa:2 core:4 pu:2'"});
  }
  const Topology& here = machine_topology();
  const unsigned cores = planned.physical_cores();
  const std::vector<unsigned> threads =
      f.threads.empty()
          ? usual_thread_counts(planned, cores)
          : thread_list(f.threads, f.oversubscribe, planned, cores, "the planned machine has");
  // The default pinning alone would not show what a machine is planned on for.
  const std::string pins = f.pin == RunFlags().pin ? "cores,none,compact,spread,smt" : f.pin;
  return plan_text(f.topology, planned,
                   plan_pinnings(planned, here, runnable_cores(read_machine(here)),
                                 parse_pinnings(pins, planned), threads),
                   here);
}

namespace {

// What this machine has too few cores for is no cell but a projected point of the curves.
void leave_to_projection(LabOptions& o) {
  std::vector<unsigned>& threads = o.axes.threads;
  const unsigned cores = std::max(1U, runnable_cores(read_machine(machine_topology())));
  o.curve_threads = std::max(o.curve_threads, *std::max_element(threads.begin(), threads.end()));
  if (std::erase_if(threads, [&](unsigned t) { return t > cores; }) == 0) return;
  // One thread's chunks are what is replayed.
  if (std::find(threads.begin(), threads.end(), 1U) == threads.end()) {
    threads.insert(threads.begin(), 1U);
  }
}

}  // namespace

LabOptions resolve(const RunFlags& f, const Catalogue& catalogue) {
  if (const std::string reason = why_not_timeable(); !reason.empty() && !f.allow_debug) {
    throw EnvironmentError("this binary was " + reason +
                           ": its timings mean nothing; --allow-debug runs it all the same");
  }
  LabOptions o;
  o.model = f.model;
  o.axes.kernels = select_kernels(f.kernel, f.encoding, catalogue);
  o.axes.phases = parse_phases(f.phase);
  o.project = f.project || f.dram_gbps > 0.0;
  if (f.dram_gbps > 0.0) o.dram_gbps = f.dram_gbps;
  o.attribute = f.attribute;
  resolve_schedule(f, o.axes);
  o.axes.threads = parse_threads(f.threads, f.oversubscribe || o.project, true);
  if (o.project && !f.oversubscribe) leave_to_projection(o);
  const Profile profile = profile_named(f.profile);
  constexpr unsigned kGateRounds = 8;  // the fewest with which 24 cells (up to 321) can fire
  o.run.rounds = f.rounds != 0 ? f.rounds : profile.rounds;
  o.run.gate_rounds = f.rounds != 0 ? 0 : std::max(kGateRounds, profile.rounds);
  o.run.sample_ms = f.sample_ms > 0.0 ? f.sample_ms : profile.sample_ms;
  if (!f.budget.empty()) o.budget_s = parse_duration("--budget", f.budget);
  o.journal = f.journal;
  o.resume = f.resume;
  o.run.prefill_tokens = f.prompt_tokens;
  o.run.decode_tokens = f.gen_tokens;
  o.run.seed = f.seed;
  if (!f.prompt.empty()) o.prompt = parse_tokens("--prompt", f.prompt);
  o.seed = f.seed;
  o.filter = f.filter;
  o.exclude = f.exclude;
  o.quiet = f.quiet;
  if (!f.inject.empty()) inject(f.inject, catalogue, o);
  return o;
}

void keep_rounds_of_slow_prompts(const RunFlags& flags, LabOptions& options) {
  if (flags.rounds != 0) options.run.slow_prompt_s = std::numeric_limits<double>::infinity();
}

void apply_without(const std::string& list) {
  for (const std::string& name : split(list)) {
    IsaSet isa;
    if (!parse_isa(name, &isa)) {
      throw UsageError({.id = "RZ201",
                        .message = "unknown instruction set " + name,
                        .flag = "--without",
                        .text = list,
                        .position = list.find(name),
                        .length = std::max<std::size_t>(1, name.size()),
                        .help = "one of " + join_names(isa_names({~0U}))});
    }
    mask_isa(isa);
  }
}

}  // namespace ryz
