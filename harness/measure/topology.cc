#include "harness/measure/topology.h"

#include <hwloc.h>
#include <hwloc/cpukinds.h>
#include <hwloc/linux.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

namespace ryz {
namespace {

struct FreeBitmap {
  void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

struct DestroyTopology {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Handle = std::unique_ptr<hwloc_topology, DestroyTopology>;

Handle new_handle() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  return Handle(raw);
}

// Without hwloc nothing is known of cores: every CPU we may use counts as one.
std::vector<Topology::Core> cores_from_affinity() {
  std::vector<Topology::Core> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(getpid(), sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cores.push_back({{cpu}, true, 0});
    }
  }
  if (cores.empty()) cores.push_back({{0}, true, 0});
  return cores;
}

}  // namespace

class TopologyReader {
 public:
  TopologyReader(hwloc_topology_t handle, Bitmap allowed)
      : handle_(handle), allowed_(std::move(allowed)) {}

  Topology read() {
    Topology out;
    read_cores(out);
    if (out.cores_.empty()) return out;
    read_caches(out);
    read_nodes(out);
    return out;
  }

 private:
  void read_nodes(Topology& out) const {
    unsigned nodes = 0;
    hwloc_obj_t node = nullptr;
    while ((node = hwloc_get_next_obj_by_type(handle_, HWLOC_OBJ_NUMANODE, node)) != nullptr) {
      if (!hwloc_bitmap_intersects(node->cpuset, allowed_.get())) continue;
      for (Topology::Core& core : out.cores_) {
        if (hwloc_bitmap_isset(node->cpuset, static_cast<unsigned>(core.cpus.front())) != 0) {
          core.node = nodes;
        }
      }
      ++nodes;
    }
    out.numa_nodes_ = std::max(1U, nodes);
  }

  void read_cores(Topology& out) {
    // Some virtual machines and containers show hardware threads but no cores.
    const bool has_cores = hwloc_get_nbobjs_by_type(handle_, HWLOC_OBJ_CORE) > 0;
    const hwloc_obj_type_t type = has_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    hwloc_obj_t object = nullptr;
    while ((object = hwloc_get_next_obj_by_type(handle_, type, object)) != nullptr) {
      Topology::Core core;
      const Bitmap usable(hwloc_bitmap_alloc());
      hwloc_bitmap_and(usable.get(), object->cpuset, allowed_.get());
      for (int cpu = hwloc_bitmap_first(usable.get()); cpu >= 0;
           cpu = hwloc_bitmap_next(usable.get(), cpu)) {
        core.cpus.push_back(cpu);
      }
      if (core.cpus.empty()) continue;
      core.performance = is_performance(usable.get());
      out.cores_.push_back(std::move(core));
    }
  }

  // hwloc orders the kinds of a hybrid CPU from the least to the most powerful.
  bool is_performance(hwloc_const_bitmap_t cpus) const {
    const int kinds = hwloc_cpukinds_get_nr(handle_, 0);
    if (kinds < 2) return true;
    int efficiency = -1;
    hwloc_cpukinds_get_info(handle_, static_cast<unsigned>(kinds - 1), nullptr, &efficiency,
                            nullptr, nullptr, 0);
    if (efficiency < 0) return true;  // kinds differ, but nobody knows which is the faster
    const int kind = hwloc_cpukinds_get_by_cpuset(handle_, cpus, 0);
    return kind < 0 || kind == kinds - 1;
  }

  unsigned cores_under(hwloc_obj_t object, const Topology& topology) const {
    return static_cast<unsigned>(std::count_if(
        topology.cores_.begin(), topology.cores_.end(), [object](const Topology::Core& core) {
          return hwloc_bitmap_isset(object->cpuset, static_cast<unsigned>(core.cpus[0])) != 0;
        }));
  }

  hwloc_obj_t pu(int cpu) const {
    return hwloc_get_pu_obj_by_os_index(handle_, static_cast<unsigned>(cpu));
  }

  void read_caches(Topology& out) {
    std::map<hwloc_obj_t, std::uint64_t> last_levels;
    for (std::size_t i = 0; i < out.cores_.size(); ++i) {
      hwloc_obj_t last = nullptr;
      for (hwloc_obj_t up = pu(out.cores_[i].cpus[0]); up != nullptr; up = up->parent) {
        if (hwloc_obj_type_is_dcache(up->type) == 0) continue;
        last = up;
        if (i == 0) {
          out.caches_.push_back({static_cast<int>(up->attr->cache.depth), up->attr->cache.size,
                                 cores_under(up, out)});
        }
      }
      if (last != nullptr) last_levels[last] = last->attr->cache.size;
    }
    for (const auto& [object, bytes] : last_levels) out.llc_total_bytes_ += bytes;
  }

  hwloc_topology_t handle_;
  Bitmap allowed_;
};

Topology Topology::of_machine() {
  const Handle handle = new_handle();
  Topology out;
  if (handle != nullptr && hwloc_topology_load(handle.get()) == 0) {
    Bitmap allowed(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(handle.get())));
    const Bitmap mine(hwloc_bitmap_alloc());
    // sched_getaffinity() for as many CPUs as there are; refused where HWLOC_* variables replace
    // the machine, and then the replacement counts as it is.
    if (hwloc_linux_get_tid_cpubind(handle.get(), getpid(), mine.get()) == 0) {
      hwloc_bitmap_and(allowed.get(), allowed.get(), mine.get());
    }
    out = TopologyReader(handle.get(), std::move(allowed)).read();
  }
  if (out.cores_.empty()) out.cores_ = cores_from_affinity();
  return out;
}

Topology Topology::synthetic(const std::string& description, const std::vector<int>& allowed) {
  const Handle handle = new_handle();
  if (handle == nullptr || hwloc_topology_set_synthetic(handle.get(), description.c_str()) != 0 ||
      hwloc_topology_load(handle.get()) != 0) {
    throw std::invalid_argument("not a topology: " + description);
  }
  Bitmap set(hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(handle.get())));
  if (!allowed.empty()) {
    const Bitmap mine(hwloc_bitmap_alloc());
    for (const int cpu : allowed) hwloc_bitmap_set(mine.get(), static_cast<unsigned>(cpu));
    hwloc_bitmap_and(set.get(), set.get(), mine.get());
  }
  Topology out = TopologyReader(handle.get(), std::move(set)).read();
  if (out.cores_.empty()) throw std::invalid_argument("no allowed CPU in: " + description);
  return out;
}

unsigned Topology::performance_cores() const {
  return static_cast<unsigned>(
      std::count_if(cores_.begin(), cores_.end(), [](const Core& c) { return c.performance; }));
}

unsigned Topology::hardware_threads() const {
  std::size_t threads = 0;
  for (const Core& core : cores_) threads += core.cpus.size();
  return static_cast<unsigned>(threads);
}

bool Topology::smt() const { return hardware_threads() > physical_cores(); }

std::uint64_t Topology::llc_bytes() const { return caches_.empty() ? 0 : caches_.back().bytes; }

std::vector<int> physical_core_cpus(const Topology& topology) {
  std::vector<int> cpus;
  for (const Topology::Core& core : topology.cores()) cpus.push_back(core.cpus.front());
  return cpus;
}

std::vector<int> hardware_thread_cpus(const Topology& topology) {
  std::vector<int> cpus;
  const unsigned threads = topology.hardware_threads();
  for (std::size_t sibling = 0; cpus.size() < threads; ++sibling) {
    for (const Topology::Core& core : topology.cores()) {
      if (sibling < core.cpus.size()) cpus.push_back(core.cpus[sibling]);
    }
  }
  return cpus;
}

const Topology& machine_topology() {
  static const Topology topology = Topology::of_machine();
  return topology;
}

unsigned physical_cores() { return machine_topology().physical_cores(); }

}  // namespace ryz
