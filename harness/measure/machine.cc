#include "harness/measure/machine.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "harness/measure/build_info.h"
#include "harness/measure/cgroup.h"
#include "harness/measure/file_tree.h"
#include "kernels/catalogue.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

constexpr const char* kUnknown = "unknown";

std::string known(std::string text) { return text.empty() ? kUnknown : std::move(text); }

// "key : value" of the first processor in /proc/cpuinfo.
std::map<std::string, std::string> first_processor(const FileTree& files) {
  std::map<std::string, std::string> facts;
  for (const std::string& line : files.lines("/proc/cpuinfo")) {
    if (trimmed(line).empty() && !facts.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    facts.emplace(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return facts;
}

int small_number(const std::map<std::string, std::string>& facts, const char* name) {
  const auto it = facts.find(name);
  const auto value = it == facts.end() ? std::nullopt : parse_number(it->second);
  return value && *value < 1u << 30 ? static_cast<int>(*value) : 0;
}

std::string text_of(const std::map<std::string, std::string>& facts, const char* name) {
  const auto it = facts.find(name);
  return known(it == facts.end() ? "" : it->second);
}

bool has_word(const std::string& text, std::string_view word) {
  const std::vector<std::string> words = split_text(text, ' ');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "always [madvise] never" → "madvise"
std::string bracketed(const std::string& text) {
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']', open);
  if (open == std::string::npos || close == std::string::npos) return text;
  return text.substr(open + 1, close - open - 1);
}

std::string turbo(const FileTree& files) {
  const std::string cpu = "/sys/devices/system/cpu/";
  if (const auto off = files.number(cpu + "intel_pstate/no_turbo")) {
    return *off != 0 ? "off" : "on";
  }
  if (const auto on = files.number(cpu + "cpufreq/boost")) return *on != 0 ? "on" : "off";
  return kUnknown;
}

std::string aslr(const FileTree& files) {
  const auto level = files.number("/proc/sys/kernel/randomize_va_space");
  if (!level) return kUnknown;
  return *level == 0 ? "off" : *level == 1 ? "partial" : "on";
}

double load_1min(const FileTree& files) {
  const std::string line = files.line("/proc/loadavg");
  const std::size_t dot = line.find('.');
  // Whole and hundredths apart: std::stod would depend on the locale.
  const auto whole = parse_number(line.substr(0, dot));
  if (!whole || dot == std::string::npos) return 0.0;
  const auto hundredths = parse_number(line.substr(dot + 1, 2));
  return static_cast<double>(*whole) + static_cast<double>(hundredths.value_or(0)) / 100.0;
}

// A line of /proc/meminfo, in bytes.
std::optional<std::uint64_t> meminfo(const FileTree& files, std::string_view name) {
  for (const std::string& line : files.lines("/proc/meminfo")) {
    if (!line.starts_with(name)) continue;
    std::string_view value = trimmed(std::string_view(line).substr(name.size()));
    if (value.ends_with(" kB")) value.remove_suffix(3);
    const auto kib = parse_number(value);
    if (!kib || *kib > UINT64_MAX / 1024) return std::nullopt;
    return *kib * 1024;
  }
  return std::nullopt;
}

std::uint64_t smaller(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  if (a && b) return std::min(*a, *b);
  return a.value_or(b.value_or(0));
}

void append_words(std::string& text, const std::vector<std::string>& words) {
  for (const std::string& word : words) text += word + ' ';
  text += '\n';
}

}  // namespace

std::string machine_key(const report::Machine::Hard& hard) {
  std::string text;
  append_words(text, {hard.arch, hard.cpu_vendor, hard.cpu_model_name});
  append_words(text, {std::to_string(hard.cpu_family), std::to_string(hard.cpu_model),
                      std::to_string(hard.cpu_stepping)});
  append_words(text, hard.isa_cpu);
  append_words(text, hard.isa_os);
  append_words(text, hard.isa_usable);  // what is masked is missing here
  append_words(text, {std::to_string(hard.cores_physical), std::to_string(hard.cpus_allowed)});
  // Hundredths of a core: the quota's last bits are the division's, not the machine's.
  append_words(text,
               {hard.cpu_quota_cores ? std::to_string(std::llround(*hard.cpu_quota_cores * 100.0))
                                     : "no quota"});
  append_words(text, {hard.smt ? "smt" : "no smt", std::to_string(hard.llc_bytes),
                      std::to_string(hard.numa_nodes), hard.hypervisor ? "virtual" : "bare"});
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string key;
  for (int shift = 60; key.size() < 12; shift -= 4) key += "0123456789abcdef"[hash >> shift & 15];
  return key;
}

report::Machine read_machine(const Topology& topology, const std::string& root) {
  const FileTree files(root);
  const std::map<std::string, std::string> cpu = first_processor(files);
  const CgroupLimits limits = read_cgroup_limits(files);
  utsname system{};
  const bool named = uname(&system) == 0;

  report::Machine machine;
  report::Machine::Hard& hard = machine.hard;
  hard.arch = known(named ? system.machine : "");
  hard.cpu_vendor = text_of(cpu, "vendor_id");
  hard.cpu_model_name = text_of(cpu, "model name");
  hard.cpu_family = small_number(cpu, "cpu family");
  hard.cpu_model = small_number(cpu, "model");
  hard.cpu_stepping = small_number(cpu, "stepping");
  hard.isa_cpu = isa_names(cpu_isa());
  hard.isa_os = isa_names({cpu_isa().bits & os_isa().bits});
  hard.isa_masked = isa_names({masked_isa().bits & cpu_isa().bits});
  hard.isa_usable = isa_names(usable_isa());
  hard.cores_physical = topology.physical_cores();
  hard.cpus_allowed = topology.hardware_threads();
  hard.cpu_quota_cores = limits.cpu_cores;
  hard.smt = topology.smt();
  hard.llc_bytes = topology.llc_bytes();
  hard.numa_nodes = topology.numa_nodes();
  hard.hypervisor = has_word(text_of(cpu, "flags"), "hypervisor");
  machine.key = machine_key(hard);

  report::Machine::Soft& soft = machine.soft;
  soft.kernel = known(named ? system.release : "");
  soft.microcode = text_of(cpu, "microcode");
  const int first_cpu = topology.cores().front().cpus.front();
  soft.governor = known(files.line("/sys/devices/system/cpu/cpu" + std::to_string(first_cpu) +
                                   "/cpufreq/scaling_governor"));
  soft.turbo = turbo(files);
  soft.thp = known(bracketed(files.line("/sys/kernel/mm/transparent_hugepage/enabled")));
  soft.aslr = aslr(files);
  soft.memory_bytes = smaller(meminfo(files, "MemTotal:"), limits.memory_bytes);
  soft.load_1min = load_1min(files);
  machine.caches = topology.caches();
  return machine;
}

unsigned runnable_cores(const report::Machine& machine) {
  const unsigned cores = std::max(1U, machine.hard.cores_physical);
  const std::optional<double>& quota = machine.hard.cpu_quota_cores;
  if (!quota || *quota >= cores) return cores;
  return std::max(1U, static_cast<unsigned>(*quota));
}

double runnable_cpus(const report::Machine& machine) {
  const double cpus = std::max(1U, machine.hard.cpus_allowed);
  return std::min(cpus, machine.hard.cpu_quota_cores.value_or(cpus));
}

std::uint64_t available_memory_bytes(const std::string& root) {
  const FileTree files(root);
  return smaller(meminfo(files, "MemAvailable:"), read_cgroup_limits(files).memory_free);
}

report::Build build_facts() {
  report::Build build;
  build.type = known(build_info.type);
  build.compiler = known(build_info.compiler);
  build.flags = build_info.flags;
  build.openmp_runtime = known(build_info.openmp_runtime);
  IsaSet all;
  for (const Kernel* kernel : built_in_catalogue().kernels) all.bits |= kernel->needs.bits;
  build.isa_compiled = isa_names(all);
  return build;
}

report::Tool tool_facts(std::vector<std::string> argv) {
  return {build_info.version, known(build_info.git_sha), build_info.git_dirty, std::move(argv)};
}

std::string why_not_timeable() {
  if (*build_info.sanitizers != '\0') {
    return std::string("built with sanitizers: ") + build_info.sanitizers;
  }
  if (!build_info.optimised) {
    return "built without optimisation: " + known(build_info.type);
  }
  return "";
}

}  // namespace ryz
