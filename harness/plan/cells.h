// Cells: one combination in one phase, its stable id, and the cross product of the axes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/plan/pinning.h"
#include "kernels/catalogue.h"
#include "kernels/schedule.h"
#include "model/linear.h"

namespace ryz {

enum class Phase : std::uint8_t {
  kDecode,   // one token at a time from an empty cache, the head for each
  kPrefill,  // a prompt in one batch, the head for its last token
};
const char* phase_name(Phase phase);

struct CellSpec {
  Phase phase = Phase::kDecode;
  const Kernel* requested = nullptr;  // null: the naive product on the source weights
  // What is called instead, where a fault is put in; null: the requested one.
  const Kernel* executed = nullptr;
  Schedule schedule;
  unsigned threads = 1;
  Pinning pin;
  std::string model;  // set where a report holds cells of a second model
  // Verdict code of the one respect in which this cell goes by another way than its like ("all": in
  // every one); for the self-test.
  std::string control;

  const Kernel* called() const { return executed != nullptr ? executed : requested; }
  Combination combination() const { return {requested, called(), schedule}; }
  std::size_t row_tile() const { return requested ? requested->encoding->row_tile : 1; }
  std::string kernel_name() const { return requested ? requested->name : "naive"; }
  std::string encoding_name() const { return requested ? requested->encoding->name : "source"; }
};

// "decode/avx512-gather/quint/g4/t2", then "@key=value" for what is not the default, in fixed
// order: executed, scratch, output, region, barrier, first-touch, pin, control,
// model.
std::string cell_id(const CellSpec& spec);

// The same non-default axes as pairs, in the id's order.
std::vector<std::pair<std::string, std::string>> extra_axes(const CellSpec& spec);

// How a product is scheduled and where its threads run.
struct SchedulePlan {
  Schedule schedule;
  Pinning pin;
  bool operator==(const SchedulePlan&) const = default;
};

// What a plain run multiplies out. Kernels × encodings that no file implements are no cells.
struct Axes {
  std::vector<const Kernel*> kernels;
  std::vector<Phase> phases{Phase::kDecode, Phase::kPrefill};
  std::vector<LoopKind> schedules{LoopKind::kDynamic};
  std::vector<std::uint64_t> grains{1, 4, 16};  // 0: auto
  std::vector<ScratchPolicy> scratches{ScratchPolicy::kArenas};
  std::vector<OutputPolicy> outputs{OutputPolicy::kAligned};
  std::vector<RegionPolicy> regions{RegionPolicy::kToken};
  std::vector<BarrierPolicy> barriers{BarrierPolicy::kYield};
  std::vector<FirstTouch> first_touches{FirstTouch::kOwners};
  std::vector<Pinning> pins{Pinning{}};
  // Where not empty: whole schedules that stand for all axes from `schedules` to here.
  std::vector<SchedulePlan> bundles;
  std::vector<unsigned> threads{1};
};

// The grain that `auto` stands for: static blocks, or chunks of about 64 rows.
std::size_t auto_grain(LoopKind kind, std::size_t row_tile);

// In the order kernel, phase, schedule, grain, scratch, output, region, barrier, first touch, pin,
// threads; the cells of an encoding are neighbours.
std::vector<CellSpec> expand(const Axes& axes);

// Values of the axes as flags and ids call them.
const char* scratch_name(ScratchPolicy policy);
const char* output_name(OutputPolicy policy);
const char* region_name(RegionPolicy policy);
const char* barrier_name(BarrierPolicy policy);
const char* first_touch_name(FirstTouch policy);

// Which of these cells a comparison of two reports should be able to gate: for each exact encoding
// the kernel its catalogue prefers among those that run here, at the fewest and the most threads,
// at the grain nearest to 64 rows, in every phase. By what they are, not by how fast they were, so
// that two runs agree on them: picking the measured best leaves a cell that became slow ungated.
std::function<bool(const CellSpec&)> default_gate(const Axes& axes);

// The engine's schedule as it was found, and the same repaired.
Schedule as_found_schedule();
Schedule repaired_schedule();

}  // namespace ryz
