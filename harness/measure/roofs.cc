#include "harness/measure/roofs.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/measure/machine.h"
#include "harness/measure/topology.h"

namespace ryz {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kWordsPerPage = kPage / sizeof(std::uint64_t);

// What every word holds: the sum of a pass proves that all lines were read.
constexpr std::uint64_t kWord = 0x0001000100010001U;

std::size_t pages(const Buffer& buffer) { return buffer.size() / kPage; }

// Contiguous blocks of pages, the same for the same team in every loop.
constexpr LoopSpec kBlocks{LoopKind::kStatic, 0};

struct alignas(64) WorkerSum {
  std::uint64_t value = 0;
};

// One pass of the whole team; nanoseconds between the barriers before and after it.
std::uint64_t timed_pass(Team& team, const Buffer& buffer, const ClockNs& now, Ahead ahead) {
  const std::uint64_t* words = buffer.as<std::uint64_t>();
  std::vector<WorkerSum> sums(team.size());
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  team.run([&](Worker& worker) {
    worker.barrier();
    if (worker.index() == 0) begin = now();
    worker.barrier();
    worker.loop(pages(buffer), kBlocks, [&](std::size_t first, std::size_t last) {
      sums[worker.index()].value +=
          sum_lines(words + first * kWordsPerPage, (last - first) * kWordsPerPage, ahead);
    });
    if (worker.index() == 0) end = now();  // the loop ended with a barrier
  });
  std::uint64_t total = 0;
  for (const WorkerSum& sum : sums) total += sum.value;
  if (total != kWord * (pages(buffer) * kWordsPerPage / kLineWords * kWordsSummed)) {
    throw std::runtime_error("the bandwidth test read other bytes than it had written");
  }
  if (end <= begin) throw std::runtime_error("the clock stood still during the bandwidth test");
  return end - begin;
}

}  // namespace

ClockNs steady_clock_ns() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  };
}

std::size_t roof_buffer_bytes(std::uint64_t llc_bytes, std::uint64_t available_bytes) {
  constexpr std::uint64_t kLeast = 256 * kMiB;
  constexpr std::uint64_t kMost = 512 * kMiB;
  std::uint64_t bytes = std::clamp(llc_bytes > kMost ? kMost : 16 * llc_bytes, kLeast, kMost);
  if (available_bytes != 0) bytes = std::min(bytes, available_bytes / 4);
  return std::max<std::uint64_t>(kPage, bytes / kPage * kPage);
}

void first_touch(Team& team, Buffer& buffer) {
  auto* words = buffer.as<std::uint64_t>();
  team.run([&](Worker& worker) {
    worker.loop(pages(buffer), kBlocks, [&](std::size_t first, std::size_t last) {
      std::fill(words + first * kWordsPerPage, words + last * kWordsPerPage, kWord);
    });
  });
}

double read_gb_per_s(Team& team, const Buffer& buffer, unsigned rounds, const ClockNs& now,
                     Ahead ahead) {
  if (pages(buffer) == 0 || rounds == 0) {
    throw std::invalid_argument("a bandwidth test needs a page to read and a round");
  }
  timed_pass(team, buffer, now, ahead);  // wakes the threads, fills the TLBs
  std::vector<double> rates;
  for (unsigned round = 0; round < rounds; ++round) {
    const std::uint64_t ns = timed_pass(team, buffer, now, ahead);
    rates.push_back(static_cast<double>(pages(buffer) * kPage) / static_cast<double>(ns));
  }
  std::sort(rates.begin(), rates.end());
  const std::size_t middle = rates.size() / 2;
  return rates.size() % 2 == 1 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
}

namespace {

TeamOptions team_on(unsigned threads, const std::vector<int>& cpus) {
  TeamOptions options{threads, {}};
  if (!cpus.empty()) {
    if (cpus.size() < threads) {
      throw std::invalid_argument("asked for the bandwidth of " + std::to_string(threads) +
                                  " threads on " + std::to_string(cpus.size()) + " CPUs");
    }
    options.cpus.assign(cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(threads));
  }
  return options;
}

}  // namespace

double read_bandwidth_gb_per_s(unsigned threads, const std::vector<int>& cpus, std::size_t bytes,
                               unsigned rounds, const ClockNs& now) {
  Team team(team_on(threads, cpus));
  Buffer buffer(bytes);  // a fresh one: pages stay where they were first touched
  first_touch(team, buffer);
  double best = 0.0;
  for (const Ahead ahead : kAheads) {
    best = std::max(best, read_gb_per_s(team, buffer, rounds, now, ahead));
  }
  return best;
}

double read_bandwidth_gb_per_s(unsigned threads, const std::vector<int>& cpus) {
  constexpr unsigned kRounds = 5;
  const std::size_t bytes =
      roof_buffer_bytes(machine_topology().llc_total_bytes(), available_memory_bytes());
  return read_bandwidth_gb_per_s(threads, cpus, bytes, kRounds, steady_clock_ns());
}

double multiply_gmac_per_s(const MultiplyPeak& peak, unsigned threads, const std::vector<int>& cpus,
                           const ClockNs& now) {
  constexpr int kRounds = 5;
  constexpr int kCalls = 200;  // some milliseconds: past a clock's climb, within a time slice
  Team team(team_on(threads, cpus));
  std::vector<double> rates;
  std::vector<WorkerSum> sums(threads);
  for (int round = 0; round < kRounds; ++round) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    team.run([&](Worker& worker) {
      WorkerSum& sum = sums[worker.index()];
      for (int i = 0; i < kCalls / 4; ++i) sum.value += static_cast<unsigned>(peak.round());
      worker.barrier();
      if (worker.index() == 0) begin = now();
      worker.barrier();
      for (int i = 0; i < kCalls; ++i) sum.value += static_cast<unsigned>(peak.round());
      worker.barrier();
      if (worker.index() == 0) end = now();
    });
    if (end <= begin) throw std::runtime_error("the clock stood still during the multiply test");
    rates.push_back(static_cast<double>(kPeakMacs) * kCalls * threads /
                    static_cast<double>(end - begin));
  }
  // All threads multiplied the same: a sum that differs was not computed.
  for (const WorkerSum& sum : sums) {
    if (sum.value != sums.front().value) throw std::runtime_error("a multiply test went wrong");
  }
  std::sort(rates.begin(), rates.end());
  return rates[kRounds / 2];
}

}  // namespace ryz
