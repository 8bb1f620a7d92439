#include "harness/diagnose/kernel_probe.h"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/packed_matrix.h"
#include "kernels/reference.h"
#include "model/random.h"

namespace ryz {
namespace {

// Enough rows that every table entry of 243 is met by some.
constexpr std::size_t kRows = 1024;
constexpr std::size_t kWholeCols = 512;
constexpr std::size_t kRaggedCols = 501;

struct Comparison {
  std::size_t unwritten = 0;
  std::vector<std::int64_t> errors;  // of the wrong elements
};

Comparison compare(const Kernel& kernel, std::size_t cols, std::size_t tokens) {
  const std::size_t stride = round_up(cols, kActivationBlock);
  const std::size_t tile = kernel.encoding->row_tile;
  const std::size_t rows = round_up(kRows, tile);
  std::uint64_t state = 7 * cols + tokens;
  const auto random = [&state](std::uint64_t n) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % n;
  };
  std::vector<std::int8_t> trits(rows * stride, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < cols; ++k) {
      trits[r * stride + k] = static_cast<std::int8_t>(static_cast<int>(random(3)) - 1);
    }
  }
  std::vector<std::int8_t> q(tokens * stride, 0);
  std::vector<std::int32_t> sums(tokens, 0);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t k = 0; k < cols; ++k) {
      q[t * stride + k] = static_cast<std::int8_t>(static_cast<int>(random(255)) - 127);
      sums[t] += q[t * stride + k];
    }
  }
  const Activations activations{q.data(), stride, tokens, cols, sums.data()};
  const PackedMatrix packed =
      pack(*kernel.encoding, rows, cols,
           [&](std::size_t r, std::int8_t* w) { std::memcpy(w, trits.data() + r * stride, cols); });
  Buffer table(kernel.table_bytes != nullptr ? kernel.table_bytes(cols, tokens) : 64);
  if (kernel.build != nullptr) {
    const std::size_t groups =
        (cols + kernel.encoding->group_cols - 1) / kernel.encoding->group_cols;
    kernel.build(activations, {0, groups}, table.data());
  }
  std::vector<std::int32_t> expected(tokens * rows);
  reference_product(trits.data(), stride, rows, activations, expected.data(), rows);
  // Two poisons: an element left unwritten cannot hold the expected value both times.
  std::vector<std::int32_t> first(tokens * rows, 0x5EAF00D);
  std::vector<std::int32_t> second(tokens * rows, -77777777);
  for (std::vector<std::int32_t>* out : {&first, &second}) {
    kernel.multiply(packed.view(), activations, table.data(), {0, rows}, out->data(), rows);
  }
  Comparison c;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (first[i] == 0x5EAF00D && second[i] == -77777777) {
      ++c.unwritten;
    } else if (first[i] != expected[i]) {
      c.errors.push_back(static_cast<std::int64_t>(first[i]) - expected[i]);
    }
  }
  return c;
}

// One wrong table entry is added as often as a row's codes name it: all errors are multiples of the
// smallest, and of its sign.
bool of_one_entry(const std::vector<std::int64_t>& errors, std::size_t elements) {
  if (errors.empty() || errors.size() == elements) return false;
  std::int64_t unit = 0;
  std::int64_t least = INT64_MAX;
  for (const std::int64_t e : errors) {
    if ((e < 0) != (errors.front() < 0)) return false;
    unit = std::gcd(unit, e < 0 ? -e : e);
    least = std::min(least, e < 0 ? -e : e);
  }
  return unit == least;
}

}  // namespace

KernelFacts probe_kernel(const Kernel& kernel) {
  if (kernel.encoding->prepare != nullptr) kernel.encoding->prepare();
  KernelFacts facts;
  facts.reads_table = kernel.build != nullptr;
  const Comparison one = compare(kernel, kWholeCols, 1);
  const Comparison three = compare(kernel, kWholeCols, 3);
  const Comparison ragged = compare(kernel, kRaggedCols, 1);
  facts.unwritten = one.unwritten + three.unwritten + ragged.unwritten;
  facts.wrong_whole = one.errors.size() + one.unwritten;
  facts.wrong_batch = three.errors.size() + three.unwritten;
  facts.wrong_ragged = ragged.errors.size() + ragged.unwritten;
  facts.of_one_entry = of_one_entry(one.errors, round_up(kRows, kernel.encoding->row_tile));
  return facts;
}

}  // namespace ryz
