// One kernel alone, on one thread, on matrices of our own: what a wrong result has in common.
#pragma once

#include <cstddef>

#include "harness/diagnose/verdicts.h"
#include "kernels/kernel.h"

namespace ryz {

// Products with whole blocks of columns and with ragged ones, poisoned before the call. The kernel
// must be runnable here and its encoding exact.
KernelFacts probe_kernel(const Kernel& kernel);

}  // namespace ryz
