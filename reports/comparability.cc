#include "reports/comparability.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "reports/render/format.h"

namespace ryz::report {
namespace {

struct Fact {
  const char* key;
  std::function<std::string(const Report&)> of;
};

const char* yes_no(bool value) { return value ? "yes" : "no"; }

std::string sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return join(names, " ");
}

// Facts of the machine: `--allow machine` allows them all.
const std::vector<Fact>& machine_facts() {
  static const std::vector<Fact> facts{
      {"arch", [](const Report& r) { return r.machine.hard.arch; }},
      {"cpu_vendor", [](const Report& r) { return r.machine.hard.cpu_vendor; }},
      {"cpu_model_name", [](const Report& r) { return r.machine.hard.cpu_model_name; }},
      {"cpu_family", [](const Report& r) { return std::to_string(r.machine.hard.cpu_family); }},
      {"cpu_model", [](const Report& r) { return std::to_string(r.machine.hard.cpu_model); }},
      {"cpu_stepping", [](const Report& r) { return std::to_string(r.machine.hard.cpu_stepping); }},
      {"isa_usable", [](const Report& r) { return sorted(r.machine.hard.isa_usable); }},
      {"cores_physical",
       [](const Report& r) { return std::to_string(r.machine.hard.cores_physical); }},
      {"cpus_allowed", [](const Report& r) { return std::to_string(r.machine.hard.cpus_allowed); }},
      {"cpu_quota_cores",
       [](const Report& r) {
         const auto& quota = r.machine.hard.cpu_quota_cores;
         return quota ? fmt::format("{:.2f}", *quota) : std::string("none");
       }},
      {"smt", [](const Report& r) { return std::string(yes_no(r.machine.hard.smt)); }},
      {"llc_bytes", [](const Report& r) { return std::to_string(r.machine.hard.llc_bytes); }},
      {"numa_nodes", [](const Report& r) { return std::to_string(r.machine.hard.numa_nodes); }},
      {"hypervisor",
       [](const Report& r) { return std::string(yes_no(r.machine.hard.hypervisor)); }},
  };
  return facts;
}

// What was asked of the machine.
const std::vector<Fact>& run_facts() {
  static const std::vector<Fact> facts{
      {"model_hash",
       [](const Report& r) {
         std::vector<std::string> hashes;
         for (const Model& m : r.models) hashes.push_back(m.hash);
         return join(hashes, " ");
       }},
      {"seed", [](const Report& r) { return std::to_string(r.config.seed); }},
      {"prompt",
       [](const Report& r) { return fmt::format("{}", fmt::join(r.config.prompt, ",")); }},
      {"prompt_tokens", [](const Report& r) { return std::to_string(r.config.prompt_tokens); }},
      {"pin", [](const Report& r) { return r.config.pin; }},
      {"build_type", [](const Report& r) { return r.build.type; }},
  };
  return facts;
}

const std::vector<Fact>& soft_facts() {
  static const std::vector<Fact> facts{
      {"kernel", [](const Report& r) { return r.machine.soft.kernel; }},
      {"microcode", [](const Report& r) { return r.machine.soft.microcode; }},
      {"governor", [](const Report& r) { return r.machine.soft.governor; }},
      {"turbo", [](const Report& r) { return r.machine.soft.turbo; }},
      {"thp", [](const Report& r) { return r.machine.soft.thp; }},
      {"aslr", [](const Report& r) { return r.machine.soft.aslr; }},
      {"memory_bytes", [](const Report& r) { return std::to_string(r.machine.soft.memory_bytes); }},
      {"compiler", [](const Report& r) { return r.build.compiler; }},
      {"flags", [](const Report& r) { return r.build.flags; }},
      {"openmp_runtime", [](const Report& r) { return r.build.openmp_runtime; }},
      {"tool_version", [](const Report& r) { return r.tool.version; }},
      {"rounds", [](const Report& r) { return std::to_string(r.config.rounds); }},
      {"sample_ms", [](const Report& r) { return fmt::format("{}", r.config.sample_ms); }},
      {"command", [](const Report& r) { return r.command; }},
  };
  return facts;
}

constexpr const char* kMachineKey = "machine_key";
constexpr const char* kPinned = "pinned";
constexpr const char* kCalibration = "calibration";
constexpr const char* kComplete = "complete";

void add(const Fact& fact, const Report& base, const Report& fresh, bool allowed,
         std::vector<Difference>& differences) {
  std::string a = fact.of(base);
  std::string b = fact.of(fresh);
  if (a != b) differences.push_back({fact.key, std::move(a), std::move(b), allowed});
}

// What pinning did, not what was asked: only the cells know.
void add_pinning(const Report& base, const Report& fresh, bool allowed,
                 std::vector<Difference>& differences) {
  std::map<std::string, const Cell*> cells;
  for (const Cell& c : base.cells) cells.emplace(c.id, &c);
  for (const Cell& c : fresh.cells) {
    const auto other = cells.find(c.id);
    if (other == cells.end()) continue;
    const Cell& b = *other->second;
    if (b.status != Status::kOk || c.status != Status::kOk) continue;
    if (b.effective.pinned == c.effective.pinned) continue;
    differences.push_back({kPinned, fmt::format("{} in {}", yes_no(b.effective.pinned), b.id),
                           yes_no(c.effective.pinned), allowed});
    return;
  }
}

// The fixed work on one thread as fast as it got (the fastest tenth: load slows some of it, another
// clock or core slows all of it), median of cells; empty where no cell has it.
std::optional<double> calibration_ns(const Report& report) {
  std::vector<double> times;
  for (const Cell& cell : report.cells) {
    if (cell.threads != 1) continue;
    for (const Sample& s : cell.samples) {
      if (s.reference_compute_ns) times.push_back(static_cast<double>(*s.reference_compute_ns));
    }
  }
  if (times.empty()) return std::nullopt;
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

void add_calibration(const Report& base, const Report& fresh, bool allowed,
                     std::vector<Difference>& differences) {
  const auto a = calibration_ns(base);
  const auto b = calibration_ns(fresh);
  if (!a || !b || *a <= 0.0 || *b <= 0.0) return;
  // A neighbour on the same core moves it by a tenth and back within minutes; so much is part of
  // each cell's floor (machine_shift.h). Beyond this the clock or the core is another.
  constexpr double kMost = 1.25;
  if (*b / *a <= kMost && *a / *b <= kMost) return;
  differences.push_back({kCalibration, fmt::format("fixed work took {:.3f} ms", *a * 1e-6),
                         fmt::format("{:.3f} ms", *b * 1e-6), allowed});
}

}  // namespace

std::vector<Difference> hard_differences(const Report& base, const Report& fresh,
                                         const std::vector<std::string>& allow) {
  const auto listed = [&](std::string_view key) {
    return std::find(allow.begin(), allow.end(), key) != allow.end();
  };
  const bool all = listed("all");
  std::vector<Difference> differences;
  for (const Fact& fact : machine_facts()) {
    add(fact, base, fresh, all || listed("machine") || listed(fact.key), differences);
  }
  // The key hashes more than is listed above: where only it differs, something unlisted does.
  if (differences.empty()) {
    const Fact key{kMachineKey, [](const Report& r) { return r.machine.key; }};
    add(key, base, fresh, all || listed("machine") || listed(kMachineKey), differences);
  }
  for (const Fact& fact : run_facts()) {
    add(fact, base, fresh, all || listed(fact.key), differences);
  }
  add_pinning(base, fresh, all || listed(kPinned), differences);
  add_calibration(base, fresh, all || listed(kCalibration), differences);
  return differences;
}

std::vector<Difference> soft_differences(const Report& base, const Report& fresh) {
  std::vector<Difference> differences;
  for (const Fact& fact : soft_facts()) add(fact, base, fresh, true, differences);
  return differences;
}

std::vector<std::string> comparability_keys() {
  std::vector<std::string> keys{"all", "machine"};
  for (const Fact& fact : machine_facts()) keys.emplace_back(fact.key);
  for (const Fact& fact : run_facts()) keys.emplace_back(fact.key);
  keys.emplace_back(kMachineKey);
  keys.emplace_back(kPinned);
  keys.emplace_back(kCalibration);
  keys.emplace_back(kComplete);
  return keys;
}

}  // namespace ryz::report
