#include "harness/plan/faults.h"

#include <algorithm>

#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"

namespace ryz {
namespace {

SchedulePlan as_found_plan() { return {as_found_schedule(), {PinPolicy::kNone, {}, {}}}; }

void put(SchedulePlan& plan, const SchedulingFault& fault) {
  CellSpec spec;
  spec.schedule = plan.schedule;
  spec.pin = plan.pin;
  fault.put(spec);
  plan = {spec.schedule, spec.pin};
}

// The comma-separated values of --keep-fault, each as the faults it keeps.
std::vector<std::vector<const SchedulingFault*>> parse_faults(const std::string& text) {
  std::vector<std::vector<const SchedulingFault*>> values;
  std::vector<std::string> names;
  for (const SchedulingFault& f : scheduling_faults()) names.emplace_back(f.name);
  for (const char* word : {"none", "all", "together"}) names.emplace_back(word);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string value = text.substr(begin, end - begin);
    std::vector<const SchedulingFault*> kept;
    if (value == "all") {
      for (const SchedulingFault& f : scheduling_faults()) values.push_back({&f});
    } else if (value == "together") {
      for (const SchedulingFault& f : scheduling_faults()) kept.push_back(&f);
      values.push_back(std::move(kept));
    } else if (value == "none") {
      values.emplace_back();
    } else {
      for (std::size_t at = begin; at <= end;) {
        const std::size_t stop = std::min(text.find('+', at), end);
        const std::string name = text.substr(at, stop - at);
        const auto& faults = scheduling_faults();
        const auto it = std::find_if(faults.begin(), faults.end(),
                                     [&](const SchedulingFault& f) { return name == f.name; });
        if (it == faults.end()) {
          const std::string near = nearest_name(name, names);
          throw UsageError({.id = "RZ201",
                            .message = "unknown fault '" + name + "'",
                            .flag = "--keep-fault",
                            .text = text,
                            .position = at,
                            .length = std::max<std::size_t>(1, stop - at),
                            .help = (near.empty() ? "" : "did you mean " + near + "? ") +
                                    "known: " + join_names(names) + "; lock+grain keeps both"});
        }
        kept.push_back(&*it);
        at = stop + 1;
      }
      values.push_back(std::move(kept));
    }
    begin = end + 1;
  }
  return values;
}

}  // namespace

const std::vector<SchedulingFault>& scheduling_faults() {
  static const std::vector<SchedulingFault> faults{
      {"grain", "GRAIN_TOO_FINE", "schedule(dynamic, 1)",
       [](CellSpec& s) { s.schedule.loop = as_found_schedule().loop; },
       [](CellSpec& s) { s.schedule.loop = repaired_schedule().loop; }},
      {"lock", "LOCK_CONTENTION", "the lock-guarded scratch pool",
       [](CellSpec& s) { s.schedule.scratch = ScratchPolicy::kLockedPool; },
       [](CellSpec& s) { s.schedule.scratch = ScratchPolicy::kArenas; }},
      {"false-sharing", "FALSE_SHARING", "outputs that share cache lines",
       [](CellSpec& s) { s.schedule.output = OutputPolicy::kInterleaved; },
       [](CellSpec& s) { s.schedule.output = OutputPolicy::kAligned; }},
      {"region", "REGION_PER_PRODUCT", "one parallel region a product",
       [](CellSpec& s) { s.schedule.region = RegionPolicy::kProduct; },
       [](CellSpec& s) { s.schedule.region = RegionPolicy::kToken; }},
      {"unpinned", "UNPINNED", "threads that are not pinned",
       [](CellSpec& s) {
         s.pin = {PinPolicy::kNone, {}, {}};
       },
       [](CellSpec& s) { s.pin = {}; }},
  };
  return faults;
}

std::vector<SchedulePlan> schedule_bundles(const std::string& bundles, const std::string& faults) {
  const std::vector<std::string> names = match_names("--bundle", bundles, {"as-found", "repaired"});
  const auto values = parse_faults(faults);
  const bool repaired = std::find(names.begin(), names.end(), "repaired") != names.end();
  if (!repaired && !(values.size() == 1 && values.front().empty())) {
    throw UsageError({.id = "RZ216",
                      .message = "as found has every fault already",
                      .flag = "--keep-fault",
                      .text = faults,
                      .length = std::max<std::size_t>(1, faults.size()),
                      .help = "faults are kept in the repaired bundle: --bundle repaired"});
  }
  std::vector<SchedulePlan> plans;
  const auto add = [&](const SchedulePlan& plan) {
    if (std::find(plans.begin(), plans.end(), plan) == plans.end()) plans.push_back(plan);
  };
  for (const std::string& name : names) {
    if (name == "as-found") {
      add(as_found_plan());
      continue;
    }
    for (const auto& kept : values) {
      SchedulePlan plan{repaired_schedule(), {}};
      for (const SchedulingFault* fault : kept) put(plan, *fault);
      add(plan);
    }
  }
  return plans;
}

}  // namespace ryz
