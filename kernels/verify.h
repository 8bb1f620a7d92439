// Is a kernel right? Hard shapes against the definition, with every promise of kernel.h checked:
// nothing written but the results, nothing left unwritten, no dependence on how work was split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/kernel.h"

namespace ryz {

struct VerifyOptions {
  std::uint64_t seed = 1;
  bool quick = false;  // fewer combinations of the same hard values
};

struct VerifyResult {
  bool ok = true;
  std::string failure;    // kernel, shape and place of the first mismatch
  std::size_t cases = 0;  // shapes that were run, each twice: in one piece and split
};

// Runs the kernel over the hard shapes and stops at the first failure. Exact encodings are
// compared with the reference product, known-wrong ones with their own definition. The kernel must
// be runnable here (why_not_runnable); otherwise that is the failure.
VerifyResult verify_kernel(const Kernel& kernel, VerifyOptions options = {});

}  // namespace ryz
