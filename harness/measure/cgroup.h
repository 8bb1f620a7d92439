// What the process's control groups (v1 and v2) allow it.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/measure/file_tree.h"

namespace ryz {

struct CgroupLimits {
  std::optional<double> cpu_cores;            // the tightest CPU quota on the way to the root
  std::optional<std::uint64_t> memory_bytes;  // the tightest memory limit
  std::optional<std::uint64_t> memory_free;   // what is left below the fullest limit
};

CgroupLimits read_cgroup_limits(const FileTree& files);

}  // namespace ryz
