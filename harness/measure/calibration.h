// `--kernel auto`: which kernel multiplies this model's matrices fastest on this machine, one token
// at a time and in a batch. Every kernel that could be chosen multiplies one matrix; the best of
// them a whole layer, in turn, packed and run as a token does it. Where the whole model overflows
// the last-level cache weights are read from memory, as they will be. A measurement of some tenths
// of a second, never a table of what should be fast.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/schedule.h"
#include "model/weights.h"

namespace ryz {

// What one kernel takes for a token's ternary products, all layers, by one layer's measurement.
struct CalibratedKernel {
  const Kernel* kernel = nullptr;
  double seconds_per_token = 0.0;
};

struct Calibration {
  // Fastest first; those that were measured on the whole layer, for decode one an encoding.
  std::vector<CalibratedKernel> decode;
  std::vector<CalibratedKernel> prefill;
  std::size_t batch = 0;            // tokens at once, for prefill
  bool from_memory = false;         // whether decode's weights were pushed out of the caches
  double pack_weights_per_s = 0.0;  // this machine's rate of packing, slowest encoding measured
  double seconds = 0.0;             // what the calibration took
};

// Measures `kernels` (each must be runnable and exact) with the team's threads. `batch` is bounded
// to what a calibration can afford.
Calibration calibrate(const Weights& weights, const std::vector<const Kernel*>& kernels, Team& team,
                      std::size_t batch, std::size_t llc_bytes);

// The two kernels for a prompt of so many tokens. Another encoding than decode's is used for the
// prompt only where that saves more than packing the weights once more takes.
struct KernelChoice {
  const Kernel* decode = nullptr;
  const Kernel* prefill = nullptr;
  std::string reason;  // what was measured, a line each
};
KernelChoice choose(const Calibration& calibration, const Weights& weights,
                    std::size_t prompt_tokens);

}  // namespace ryz
