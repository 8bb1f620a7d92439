// The kinds of parallel loop.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

enum class LoopKind : std::uint8_t {
  kStatic,
  kDynamic,
  kGuided,
  kStealing,  // a contiguous block a thread, half of what is left at a time; then others' ends
};

// `grain` counts iterations of the parallel loop, as the OpenMP schedule clause does.
// kStatic with grain 0: one contiguous block a thread.
struct LoopSpec {
  LoopKind kind = LoopKind::kStatic;
  std::size_t grain = 0;
  bool operator==(const LoopSpec&) const = default;
};

}  // namespace ryz
