// Roofs: what the memory gives to so many threads, which no kernel that streams its weights can
// beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "harness/measure/read_stream.h"
#include "kernels/buffer.h"
#include "kernels/peak.h"
#include "kernels/schedule.h"

namespace ryz {

// A monotonic clock in nanoseconds; tests bring their own.
using ClockNs = std::function<std::uint64_t()>;
ClockNs steady_clock_ns();

// Bytes to stream so that caches do not matter: sixteen times the last-level caches, at least 256
// MiB, at most 512 MiB and a quarter of the memory that is available (0: unknown). A whole number
// of pages. A Zen 4's two threads read a buffer four times as large as their third-level cache up
// to a quarter faster than one of sixteen times.
std::size_t roof_buffer_bytes(std::uint64_t llc_bytes, std::uint64_t available_bytes);

// Every worker writes the part that it will read, so that it lies on that worker's NUMA node.
void first_touch(Team& team, Buffer& buffer);

// Sequential read bandwidth in 10^9 bytes a second, the median of `rounds` passes over the buffer
// after an untimed one. The buffer was first_touch()ed by the same team. Throws
// std::runtime_error where a pass did not see what was written, or the clock stands still.
double read_gb_per_s(Team& team, const Buffer& buffer, unsigned rounds, const ClockNs& now,
                     Ahead ahead);

// The fastest way to read a fresh buffer of so many bytes, on the first CPUs of `cpus` (one a
// worker; empty: not pinned).
double read_bandwidth_gb_per_s(unsigned threads, const std::vector<int>& cpus, std::size_t bytes,
                               unsigned rounds, const ClockNs& now);

// The same for this machine's caches and memory: five rounds by its own clock.
double read_bandwidth_gb_per_s(unsigned threads, const std::vector<int>& cpus);

// Peak int8 multiply-adds, 10^9 a second, all threads together: the median of five rounds on
// registers alone.
double multiply_gmac_per_s(const MultiplyPeak& peak, unsigned threads, const std::vector<int>& cpus,
                           const ClockNs& now);

}  // namespace ryz
