#include "harness/plan/cells.h"

#include <algorithm>

namespace ryz {

const char* phase_name(Phase phase) { return phase == Phase::kDecode ? "decode" : "prefill"; }

std::vector<std::pair<std::string, std::string>> extra_axes(const CellSpec& spec) {
  std::vector<std::pair<std::string, std::string>> axes;
  if (spec.executed != nullptr && spec.executed != spec.requested) {
    axes.emplace_back("executed", spec.executed->name);
  }
  if (spec.schedule.scratch == ScratchPolicy::kLockedPool) axes.emplace_back("scratch", "pool");
  if (spec.schedule.output == OutputPolicy::kInterleaved) {
    axes.emplace_back("output", "interleaved");
  }
  if (spec.schedule.region == RegionPolicy::kProduct) axes.emplace_back("region", "product");
  if (!spec.pinned) axes.emplace_back("pin", "none");
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
  std::vector<std::string> ids;
  for (const Kernel* kernel : kernels) {
    for (const Phase phase : axes.phases) {
      for (const LoopKind kind : axes.schedules) {
        for (const std::uint64_t grain : axes.grains) {
          for (const unsigned threads : axes.threads) {
            CellSpec spec;
            spec.phase = phase;
            spec.requested = kernel;
            spec.schedule = repaired_schedule();
            spec.schedule.loop = {
                kind, grain == 0 ? auto_grain(kind, kernel->encoding->row_tile) : grain};
            spec.threads = threads;
            spec.pinned = axes.pinned;
            std::string id = cell_id(spec);  // auto may name a grain that is also listed
            if (std::find(ids.begin(), ids.end(), id) != ids.end()) continue;
            ids.push_back(std::move(id));
            cells.push_back(std::move(spec));
          }
        }
      }
    }
  }
  return cells;
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
