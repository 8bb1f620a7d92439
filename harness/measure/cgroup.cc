#include "harness/measure/cgroup.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ryz {
namespace {

struct Group {
  bool unified = false;  // v2
  std::string directory;
};

struct Mount {
  bool unified = false;
  std::string root;   // the group that is mounted
  std::string point;  // where
  std::vector<std::string> controllers;
};

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Mounted cgroup hierarchies; the customary places where mountinfo cannot be read.
std::vector<Mount> mounts(const FileTree& files) {
  std::vector<Mount> found;
  for (const std::string& line : files.lines("/proc/self/mountinfo")) {
    // 42 31 0:29 /root /mount/point rw shared:1 - cgroup cgroup rw,cpu,cpuacct
    const std::vector<std::string> fields = split_text(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - dash < 4) continue;
    const std::string& type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    found.push_back({type == "cgroup2", fields[3], fields[4], split_text(dash[3], ',')});
  }
  if (!found.empty()) return found;
  return {{true, "/", "/sys/fs/cgroup", {}},
          {false, "/", "/sys/fs/cgroup/cpu", {"cpu"}},
          {false, "/", "/sys/fs/cgroup/memory", {"memory"}}};
}

// The directory of group `path` and of all groups above it that this mount shows.
void add_chain(const Mount& mount, std::string path, std::vector<Group>& out) {
  if (mount.root != "/") {
    // In a container the process's path may start with the group that is mounted here.
    const bool below = path.starts_with(mount.root) &&
                       (path.size() == mount.root.size() || path[mount.root.size()] == '/');
    path = below ? path.substr(mount.root.size()) : "";
  }
  if (path.find("..") != std::string::npos) path.clear();  // outside of what we may see
  while (!path.empty() && path.back() == '/') path.pop_back();
  for (;;) {
    out.push_back({mount.unified, mount.point + path});
    if (path.empty()) return;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

std::vector<Group> groups_of(const FileTree& files, std::string_view controller) {
  const std::vector<Mount> mounted = mounts(files);
  std::vector<Group> out;
  for (const std::string& line : files.lines("/proc/self/cgroup")) {
    // 4:cpu,cpuacct:/path, and 0::/path for v2
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && !has(split_text(controllers, ','), controller)) continue;
    for (const Mount& mount : mounted) {
      if (mount.unified != unified) continue;
      if (!unified && !has(mount.controllers, controller)) continue;
      add_chain(mount, line.substr(second + 1), out);
    }
  }
  return out;
}

template <class T>
void keep_smaller(std::optional<T>& kept, T value) {
  if (!kept || value < *kept) kept = value;
}

std::optional<double> quota_of(const FileTree& files, const Group& group) {
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> period;
  if (group.unified) {
    const std::vector<std::string> parts =
        split_text(files.line(group.directory + "/cpu.max"), ' ');
    if (parts.size() == 2) {
      quota = parse_number(parts[0]);  // none for "max"
      period = parse_number(parts[1]);
    }
  } else {
    quota = files.number(group.directory + "/cpu.cfs_quota_us");  // none for "-1"
    period = files.number(group.directory + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// Page cache that the kernel gives up before it refuses memory.
std::uint64_t reclaimable(const FileTree& files, const Group& group) {
  const std::string name = group.unified ? "inactive_file " : "total_inactive_file ";
  for (const std::string& line : files.lines(group.directory + "/memory.stat")) {
    if (line.starts_with(name)) return parse_number(line.substr(name.size())).value_or(0);
  }
  return 0;
}

void read_memory(const FileTree& files, const Group& group, CgroupLimits& limits) {
  const std::string prefix = group.directory + "/memory.";
  const auto limit = files.number(prefix + (group.unified ? "max" : "limit_in_bytes"));
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;  // v1 writes a huge number for none
  if (!limit || *limit >= kNoLimit) return;
  keep_smaller(limits.memory_bytes, *limit);
  const auto used = files.number(prefix + (group.unified ? "current" : "usage_in_bytes"));
  if (!used) return;
  const std::uint64_t busy = *used - std::min(*used, reclaimable(files, group));
  keep_smaller(limits.memory_free, *limit - std::min(*limit, busy));
}

}  // namespace

CgroupLimits read_cgroup_limits(const FileTree& files) {
  CgroupLimits limits;
  for (const Group& group : groups_of(files, "cpu")) {
    if (const auto cores = quota_of(files, group)) keep_smaller(limits.cpu_cores, *cores);
  }
  for (const Group& group : groups_of(files, "memory")) read_memory(files, group, limits);
  return limits;
}

}  // namespace ryz
