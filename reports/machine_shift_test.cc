#include "reports/machine_shift.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ryz::report {
namespace {

Report with_works(std::uint64_t compute_ns, std::uint64_t memory_ns) {
  Report report;
  for (const unsigned threads : {1U, 2U}) {
    Cell cell;
    cell.threads = threads;
    for (unsigned round = 0; round < 5; ++round) {
      Sample s{round, 0, 10, 1000};
      s.reference_compute_ns = compute_ns * threads + round;
      s.reference_memory_ns = memory_ns;
      cell.samples.push_back(s);
    }
    report.cells.push_back(cell);
  }
  return report;
}

TEST(MachineShift, IsWhatTheWorksMovedByThreads) {
  Report fresh = with_works(1'000'000, 2'200'000);
  for (Sample& s : fresh.cells[1].samples) *s.reference_compute_ns *= 2;
  const auto shifts = machine_shifts(with_works(1'000'000, 2'000'000), fresh);
  ASSERT_EQ(shifts.size(), 2U);
  EXPECT_NEAR(shifts.at(1).compute, 0.0, 1e-9);
  EXPECT_NEAR(shifts.at(2).compute, std::log(2.0), 1e-9);
  EXPECT_NEAR(shifts.at(1).memory, std::log(1.1), 1e-9);
}

TEST(MachineShift, LeavesOutDisturbedSamplesAndThoseWithoutWorks) {
  const Report base = with_works(1'000'000, 1'000'000);
  Report fresh = base;
  fresh.cells[0].samples[0].reference_compute_ns = 9'000'000;
  fresh.cells[0].samples[0].disturbed = {"preempted"};
  for (Sample& s : fresh.cells[1].samples) s.reference_compute_ns.reset();
  const auto shifts = machine_shifts(base, fresh);
  ASSERT_EQ(shifts.size(), 1U);
  EXPECT_NEAR(shifts.at(1).compute, 0.0, 1e-5);
}

TEST(MachineShift, MemoryCountsByTheShareOfItsRoof) {
  Cell cell;
  const MachineShift shift{-0.02, 0.1};
  EXPECT_NEAR(allowance_of(shift, cell), 3 * 0.02 + 0.1, 1e-12);  // unknown: all of it
  cell.roofline = Roofline{100, 5.0, 0.25};
  EXPECT_NEAR(allowance_of(shift, cell), 3 * 0.02 + 0.025, 1e-12);
  cell.roofline->roof_ratio = 4.0;  // from a cache
  EXPECT_NEAR(allowance_of(shift, cell), 3 * 0.02 + 0.1, 1e-12);
}

}  // namespace
}  // namespace ryz::report
