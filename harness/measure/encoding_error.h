// How wrong an encoding is by nature, as a function of the activations' RMS: random ternary weights
// times normal activations of a given RMS, quantized as the model does, by the encoding's own
// kernel, beside the naive product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/kernel.h"

namespace ryz {

struct EncodingErrorOptions {
  std::size_t rows = 512;
  std::size_t cols = 2560;
  std::uint64_t seed = 42;
};

struct EncodingErrorPoint {
  double rms = 0.0;         // asked for
  double actual_rms = 0.0;  // of the activations that were drawn
  double error = 0.0;  // ‖y − ŷ‖₂ / ‖y‖₂, ŷ the kernel's product, y the naive one
  std::size_t mismatches = 0;  // elements that differ at all
};

// Throws std::invalid_argument where an RMS is not above 0 or the kernel cannot run here.
std::vector<EncodingErrorPoint> encoding_error(const Kernel& kernel, const std::vector<double>& rms,
                                               const EncodingErrorOptions& options = {});

// What to expect of normal activations, from the tables' definitions alone; empty where no formula
// is known.
//   sign-bits: one ±1 for each x of RMS σ, so the error² is E(x − sign x)² / σ²
//     = r² − 2√(2/π)·r + 1 with r = 1/σ; DESIGN writes 1.6 for 2√(2/π) = 1.596.
//   byte-value: seven of eight weights meet a neighbour's activation: √(7/8 · 2) = 1.323 always.
//   exact encodings: 0.
std::optional<double> expected_encoding_error(const Encoding& encoding, double rms);

}  // namespace ryz
