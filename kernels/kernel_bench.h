// Google Benchmark over catalogue × shapes: single-threaded products in cache.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/catalogue.h"

namespace ryz {

struct ProductShape {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t tokens = 1;
};

// "6912x2560x1": rows × columns × tokens; the tokens may be left out. False where it is not one.
bool parse_shape(const std::string& text, ProductShape* shape);

// Registers "kernel/encoding/RxKxT" for each of `kernels` that runs here and agrees with the naive
// product on that shape (known-wrong encodings are registered unchecked and labelled), runs what
// Google Benchmark's own flags in `arguments` select, and returns how many kernels were wrong.
// Counters: MAC/s, and the packed bytes read a second. Beside them "peak/vpdpbusd" where the CPU
// has that instruction.
std::size_t run_kernel_benchmarks(const std::vector<const Kernel*>& kernels,
                                  const std::vector<ProductShape>& shapes,
                                  std::vector<std::string> arguments);

}  // namespace ryz
