#include "harness/measure/roofs.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/measure/topology.h"
#include "kernels/cpu.h"

namespace ryz {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(RoofBuffer, SixteenTimesTheCachesWithinBounds) {
  EXPECT_EQ(roof_buffer_bytes(24 * kMiB, 0), 384 * kMiB);
  EXPECT_EQ(roof_buffer_bytes(32 * kMiB, 0), 512 * kMiB);
  EXPECT_EQ(roof_buffer_bytes(0, 0), 256 * kMiB);  // nothing known
  EXPECT_EQ(roof_buffer_bytes(480 * kMiB, 0),
            512 * kMiB);  // a shared cache of which we have a slice
  EXPECT_EQ(roof_buffer_bytes(~0ULL, 0), 512 * kMiB);
  EXPECT_EQ(roof_buffer_bytes(480 * kMiB, 1024 * kMiB), 256 * kMiB);
  EXPECT_EQ(roof_buffer_bytes(480 * kMiB, 100001), 24576U);
  EXPECT_EQ(roof_buffer_bytes(480 * kMiB, 1), 4096U);
}

// A clock whose k-th pass (two readings) lasts durations[k] nanoseconds.
class PassClock {
 public:
  explicit PassClock(std::vector<std::uint64_t> durations) : durations_(std::move(durations)) {}
  std::uint64_t operator()() {
    const std::size_t reading = readings_++;
    if (reading % 2 == 1) now_ += durations_.at(reading / 2);
    return now_;
  }
  std::size_t readings() const { return readings_; }

 private:
  std::vector<std::uint64_t> durations_;
  std::size_t readings_ = 0;
  std::uint64_t now_ = 1000;
};

TEST(ReadBandwidth, MedianOfTheRoundsAfterAnUntimedOne) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    Team team({.threads = threads, .cpus = {}});
    Buffer buffer(4 * kMiB);
    first_touch(team, buffer);
    PassClock clock({9999999, 4 * kMiB / 2, 4 * kMiB, 4 * kMiB * 8});  // 2, 1 and 1/8 bytes a ns
    EXPECT_DOUBLE_EQ(read_gb_per_s(team, buffer, 3, std::ref(clock), Ahead::kNothing), 1.0)
        << threads;
    EXPECT_EQ(clock.readings(), 8U);
  }
}

TEST(ReadBandwidth, AnEvenNumberOfRoundsAndAPartialPage) {
  Team team({.threads = 2, .cpus = {}});
  Buffer buffer(5 * 4096 + 100);  // what is beyond whole pages is left alone
  first_touch(team, buffer);
  PassClock clock({1, 5 * 4096, 5 * 4096 / 4});
  EXPECT_DOUBLE_EQ(read_gb_per_s(team, buffer, 2, std::ref(clock), Ahead::kNothing), 2.5);
}

TEST(ReadBandwidth, MoreWorkersThanPages) {
  Team team({.threads = 3, .cpus = {}});
  Buffer buffer(4096);
  first_touch(team, buffer);
  PassClock clock({4096, 4096});
  EXPECT_DOUBLE_EQ(read_gb_per_s(team, buffer, 1, std::ref(clock), Ahead::kNothing), 1.0);
}

TEST(ReadBandwidth, NothingIsPrintedThatWasNotMeasured) {
  Team team({.threads = 1, .cpus = {}});
  Buffer buffer(8192);
  first_touch(team, buffer);
  EXPECT_THROW(read_gb_per_s(
                   team, buffer, 1, [] { return std::uint64_t{7}; }, Ahead::kNear),
               std::runtime_error);  // a clock that stands still
  EXPECT_THROW(read_gb_per_s(team, buffer, 0, steady_clock_ns(), Ahead::kNear),
               std::invalid_argument);
  const Buffer empty;
  EXPECT_THROW(read_gb_per_s(team, empty, 1, steady_clock_ns(), Ahead::kNear),
               std::invalid_argument);
  buffer.as<std::uint64_t>()[704] += 1;  // a pass must see every line
  for (const Ahead ahead : kAheads) {
    EXPECT_THROW(read_gb_per_s(team, buffer, 1, steady_clock_ns(), ahead), std::runtime_error);
  }
}

TEST(ReadBandwidth, OnCoresOfThisMachine) {
  const std::vector<int> cpus = physical_core_cpus(machine_topology());
  EXPECT_GT(read_bandwidth_gb_per_s(1, cpus, 4 * kMiB, 2, steady_clock_ns()), 0.0);
  const auto too_many = static_cast<unsigned>(cpus.size()) + 1;
  EXPECT_THROW(read_bandwidth_gb_per_s(too_many, cpus, kMiB, 1, steady_clock_ns()),
               std::invalid_argument);
}

TEST(MultiplyRate, CountsEveryThreadsMultiplyAdds) {
  std::uint64_t fake = 0;
  const ClockNs clock = [&] { return fake += 1000000; };
  for (const MultiplyPeak* peak : {&peak_avx512_vnni, &peak_avx2}) {
    if (!contains(usable_isa(), peak->needs)) continue;  // this CPU cannot
    SCOPED_TRACE(peak->instructions);
    const double one = multiply_gmac_per_s(*peak, 1, {}, clock);
    // 200 calls of 2^22 multiply-adds in a millisecond of the test's own clock.
    EXPECT_DOUBLE_EQ(one, 200.0 * (1 << 22) / 1e6);
    EXPECT_DOUBLE_EQ(multiply_gmac_per_s(*peak, 2, {}, clock), 2.0 * one);
    EXPECT_THROW(multiply_gmac_per_s(*peak, 1, {}, [] { return std::uint64_t{7}; }),
                 std::runtime_error);
    EXPECT_EQ(peak->round(), -static_cast<int>(kPeakMacs));
  }
}

}  // namespace
}  // namespace ryz
