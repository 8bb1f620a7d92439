#include "harness/plan/cells.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/cpu.h"

namespace ryz {

const char* phase_name(Phase phase) { return phase == Phase::kDecode ? "decode" : "prefill"; }

const char* scratch_name(ScratchPolicy policy) {
  return policy == ScratchPolicy::kLockedPool ? "pool" : "arenas";
}
const char* output_name(OutputPolicy policy) {
  return policy == OutputPolicy::kInterleaved ? "interleaved" : "aligned";
}
const char* region_name(RegionPolicy policy) {
  return policy == RegionPolicy::kProduct ? "product" : "token";
}
const char* barrier_name(BarrierPolicy policy) {
  return policy == BarrierPolicy::kSpin    ? "spin"
         : policy == BarrierPolicy::kYield ? "yield"
                                           : "park";
}
const char* first_touch_name(FirstTouch policy) {
  return policy == FirstTouch::kOne ? "one" : "owners";
}

std::vector<std::pair<std::string, std::string>> extra_axes(const CellSpec& spec) {
  std::vector<std::pair<std::string, std::string>> axes;
  if (spec.executed != nullptr && spec.executed != spec.requested) {
    axes.emplace_back("executed", spec.executed->name);
  }
  const Schedule usual = repaired_schedule();
  const Schedule& is = spec.schedule;
  if (is.scratch != usual.scratch) axes.emplace_back("scratch", scratch_name(is.scratch));
  if (is.output != usual.output) axes.emplace_back("output", output_name(is.output));
  if (is.region != usual.region) axes.emplace_back("region", region_name(is.region));
  if (is.barrier != usual.barrier) axes.emplace_back("barrier", barrier_name(is.barrier));
  if (is.first_touch != usual.first_touch) {
    axes.emplace_back("first-touch", first_touch_name(is.first_touch));
  }
  if (spec.pin.policy != PinPolicy::kCores) axes.emplace_back("pin", pin_name(spec.pin));
  if (!spec.control.empty()) axes.emplace_back("control", spec.control);
  if (!spec.model.empty()) axes.emplace_back("model", spec.model);
  return axes;
}

std::string cell_id(const CellSpec& spec) {
  std::string id = std::string(phase_name(spec.phase)) + "/" + spec.kernel_name() + "/" +
                   spec.encoding_name() + "/" + loop_name(spec.schedule.loop) + "/t" +
                   std::to_string(spec.threads);
  for (const auto& [key, value] : extra_axes(spec)) {
    id += "@";
    id += key;
    id += "=";
    id += value;
  }
  return id;
}

std::size_t auto_grain(LoopKind kind, std::size_t row_tile) {
  constexpr std::size_t kRows = 64;
  if (kind == LoopKind::kStatic) return 0;
  return std::max<std::size_t>(1, kRows / row_tile);
}

namespace {

std::vector<SchedulePlan> schedule_plans(const Axes& axes, std::size_t row_tile) {
  std::vector<SchedulePlan> plans;
  for (const LoopKind kind : axes.schedules) {
    for (const std::uint64_t grain : axes.grains) {
      for (const ScratchPolicy scratch : axes.scratches) {
        for (const OutputPolicy output : axes.outputs) {
          for (const RegionPolicy region : axes.regions) {
            for (const BarrierPolicy barrier : axes.barriers) {
              for (const FirstTouch touch : axes.first_touches) {
                for (const Pinning& pin : axes.pins) {
                  const LoopSpec loop{kind, grain == 0 ? auto_grain(kind, row_tile) : grain};
                  plans.push_back({{loop, scratch, output, region, barrier, touch}, pin});
                }
              }
            }
          }
        }
      }
    }
  }
  return plans;
}

}  // namespace

std::vector<CellSpec> expand(const Axes& axes) {
  std::vector<const Kernel*> kernels = axes.kernels;
  std::stable_sort(kernels.begin(), kernels.end(), [&](const Kernel* a, const Kernel* b) {
    const auto first = [&](const Kernel* k) {
      return std::find_if(axes.kernels.begin(), axes.kernels.end(),
                          [&](const Kernel* other) { return other->encoding == k->encoding; });
    };
    return first(a) < first(b);
  });
  std::vector<CellSpec> cells;
  std::set<std::string> ids;  // auto may name a grain that is also listed
  for (const Kernel* kernel : kernels) {
    const std::vector<SchedulePlan> plans =
        axes.bundles.empty() ? schedule_plans(axes, kernel->encoding->row_tile) : axes.bundles;
    for (const Phase phase : axes.phases) {
      for (const SchedulePlan& plan : plans) {
        for (const unsigned threads : axes.threads) {
          CellSpec spec;
          spec.phase = phase;
          spec.requested = kernel;
          spec.schedule = plan.schedule;
          spec.pin = plan.pin;
          spec.threads = threads;
          if (ids.insert(cell_id(spec)).second) cells.push_back(std::move(spec));
        }
      }
    }
  }
  return cells;
}

std::function<bool(const CellSpec&)> default_gate(const Axes& axes) {
  std::vector<const Kernel*> kernels;  // the first of each exact encoding that runs here
  for (const Kernel* k : axes.kernels) {
    const bool taken = std::any_of(kernels.begin(), kernels.end(), [&](const Kernel* other) {
      return other->encoding == k->encoding;
    });
    if (!taken && k->encoding->exact && why_not_runnable(*k).empty()) kernels.push_back(k);
  }
  if (axes.threads.empty() || axes.schedules.empty()) return {};
  const auto [fewest, most] = std::minmax_element(axes.threads.begin(), axes.threads.end());
  const auto grain_of = [grains = axes.grains](LoopKind kind, std::size_t tile) {
    std::size_t best = auto_grain(kind, tile);
    double nearest = 1e9;
    for (const std::uint64_t listed : grains) {
      const std::size_t grain = listed == 0 ? auto_grain(kind, tile) : listed;
      const double away =
          std::abs(std::log(static_cast<double>(std::max<std::size_t>(1, grain) * tile) / 64.0));
      if (away < nearest) {
        nearest = away;
        best = grain;
      }
    }
    return best;
  };
  return [=, kind = axes.schedules.front(), few = *fewest, many = *most](const CellSpec& spec) {
    if (std::find(kernels.begin(), kernels.end(), spec.requested) == kernels.end()) return false;
    if (spec.threads != few && spec.threads != many) return false;
    return spec.schedule.loop.kind == kind &&
           spec.schedule.loop.grain == grain_of(kind, spec.row_tile()) && extra_axes(spec).empty();
  };
}

Schedule as_found_schedule() {
  return {.loop = {LoopKind::kDynamic, 1},
          .scratch = ScratchPolicy::kLockedPool,
          .output = OutputPolicy::kInterleaved,
          .region = RegionPolicy::kProduct};
}

Schedule repaired_schedule() {
  return {.loop = {LoopKind::kStatic, 0},
          .scratch = ScratchPolicy::kArenas,
          .output = OutputPolicy::kAligned,
          .region = RegionPolicy::kToken};
}

}  // namespace ryz
