#include "kernels/kernel_bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <tuple>

#include "kernels/cpu.h"
#include "kernels/packed_matrix.h"
#include "kernels/peak.h"
#include "kernels/reference.h"

namespace ryz {
namespace {

// Weights and activations of a shape, and the naive product of both.
struct Operands {
  explicit Operands(const ProductShape& shape)
      : stride(round_up(shape.cols, kActivationBlock)),
        trits(shape.rows * stride),
        q(shape.tokens * stride),
        sums(shape.tokens),
        expected(shape.tokens * shape.rows) {
    std::minstd_rand random(42);
    for (std::size_t r = 0; r < shape.rows; ++r) {
      for (std::size_t k = 0; k < shape.cols; ++k) {
        trits[r * stride + k] = static_cast<std::int8_t>(static_cast<int>(random() % 3) - 1);
      }
    }
    for (std::size_t t = 0; t < shape.tokens; ++t) {
      for (std::size_t k = 0; k < shape.cols; ++k) {
        q[t * stride + k] = static_cast<std::int8_t>(static_cast<int>(random() % 256) - 128);
        sums[t] += q[t * stride + k];
      }
    }
    activations = {q.data(), stride, shape.tokens, shape.cols, sums.data()};
    reference_product(trits.data(), stride, shape.rows, activations, expected.data(), shape.rows);
  }

  std::size_t stride;
  std::vector<std::int8_t> trits;
  std::vector<std::int8_t> q;
  std::vector<std::int32_t> sums;
  std::vector<std::int32_t> expected;
  Activations activations;
};

struct Bench {
  Bench(const Kernel& k, const ProductShape& s, std::shared_ptr<const Operands> o)
      : kernel(&k), shape(s), operands(std::move(o)) {
    if (k.encoding->prepare != nullptr) k.encoding->prepare();
    packed = pack(*k.encoding, s.rows, s.cols, [this](std::size_t row, std::int8_t* out) {
      std::copy_n(operands->trits.data() + row * operands->stride, shape.cols, out);
    });
    if (k.table_bytes != nullptr) table = Buffer(k.table_bytes(s.cols, s.tokens), Pages::kHuge);
    out.resize(s.tokens * s.rows);
  }

  void run() {
    const std::size_t group = kernel->encoding->group_cols;
    const GroupRange groups{0, (shape.cols + group - 1) / group};
    if (kernel->multiply_columns != nullptr && shape.tokens == 1) {
      kernel->multiply_columns(packed.view(), operands->activations, groups, {0, shape.rows},
                               out.data());
      return;
    }
    if (kernel->build != nullptr) kernel->build(operands->activations, groups, table.data());
    kernel->multiply(packed.view(), operands->activations, table.data(), {0, shape.rows},
                     out.data(), shape.rows);
  }

  const Kernel* kernel;
  ProductShape shape;
  std::shared_ptr<const Operands> operands;
  PackedMatrix packed;
  Buffer table;
  std::vector<std::int32_t> out;
};

void measure(benchmark::State& state, Bench& bench) {
  bench.run();
  while (state.KeepRunning()) {
    bench.run();
    benchmark::DoNotOptimize(bench.out.data());
    benchmark::ClobberMemory();
  }
  const auto products = static_cast<double>(state.iterations());
  const auto macs = static_cast<double>(bench.shape.rows * bench.shape.cols * bench.shape.tokens);
  state.counters["MAC/s"] = benchmark::Counter(products * macs, benchmark::Counter::kIsRate);
  state.counters["packed_bytes/s"] = benchmark::Counter(
      products * static_cast<double>(bench.packed.bytes()), benchmark::Counter::kIsRate);
  if (bench.kernel->encoding->known_wrong != nullptr) state.SetLabel("known wrong");
}

void measure_peak(benchmark::State& state, const MultiplyPeak& peak) {
  while (state.KeepRunning()) benchmark::DoNotOptimize(peak.round());
  state.counters["MAC/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(kPeakMacs),
                         benchmark::Counter::kIsRate);
}

}  // namespace

bool parse_shape(const std::string& text, ProductShape* shape) {
  std::size_t values[3] = {0, 0, 1};
  std::size_t n = 0;
  const char* at = text.data();
  const char* end = at + text.size();
  while (n < 3) {
    const auto [stop, error] = std::from_chars(at, end, values[n]);
    constexpr std::size_t kMost = std::size_t{1} << 20;
    if (error != std::errc{} || values[n] == 0 || values[n] > kMost) return false;
    ++n;
    if (stop == end) break;
    if (*stop != 'x') return false;
    at = stop + 1;
  }
  constexpr std::size_t kMostElements = std::size_t{1} << 30;
  if (n < 2 || at == end || values[0] * values[1] > kMostElements ||
      values[1] * values[2] > kMostElements || values[0] * values[2] > kMostElements) {
    return false;
  }
  *shape = {values[0], values[1], values[2]};
  return true;
}

std::size_t run_kernel_benchmarks(const std::vector<const Kernel*>& kernels,
                                  const std::vector<ProductShape>& shapes,
                                  std::vector<std::string> arguments) {
  // Ours first: what the user gives comes later and wins.
  std::vector<std::string> all{"bench", "--benchmark_repetitions=9", "--benchmark_min_time=0.02",
                               "--benchmark_enable_random_interleaving=true",
                               "--benchmark_report_aggregates_only=true"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& a : all) argv.push_back(a.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  std::size_t wrong = 0;
  std::vector<std::unique_ptr<Bench>> benches;
  for (const ProductShape& shape : shapes) {
    const auto operands = std::make_shared<const Operands>(shape);
    for (const Kernel* kernel : kernels) {
      if (!why_not_runnable(*kernel).empty()) continue;
      auto bench = std::make_unique<Bench>(*kernel, shape, operands);
      const std::string name = std::string(kernel->name) + "/" + kernel->encoding->name + "/" +
                               std::to_string(shape.rows) + "x" + std::to_string(shape.cols) + "x" +
                               std::to_string(shape.tokens);
      bench->run();
      if (kernel->encoding->exact && bench->out != operands->expected) {
        std::fprintf(stderr, "wrong result, not timed: %s\n", name.c_str());
        ++wrong;
        continue;
      }
      Bench& b = *benches.emplace_back(std::move(bench));
      benchmark::RegisterBenchmark(name.c_str(), [&b](benchmark::State& s) {
        measure(s, b);
      })->UseRealTime();
    }
  }
  // Among the others, so that a kernel's share of the peak comes from one run.
  for (const MultiplyPeak* peak : {&peak_avx512_vnni, &peak_avx2}) {
    if (benches.empty() || !contains(usable_isa(), peak->needs)) continue;
    const std::string name = std::string("peak/") + peak->instructions;
    benchmark::RegisterBenchmark(name.c_str(), [peak](benchmark::State& s) {
      measure_peak(s, *peak);
    })->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return wrong;
}

}  // namespace ryz
