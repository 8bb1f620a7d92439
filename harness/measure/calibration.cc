#include "harness/measure/calibration.h"

#include <emmintrin.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <span>

#include "model/linear.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBatch = 64;
constexpr std::size_t kFirstBatch = 16;  // on one matrix, by every kernel: also by slow ones
constexpr std::size_t kFinalists = 3;    // kernels of a phase that are measured on the whole layer
constexpr int kRuns = 3;
constexpr double kHopeless = 3.0;  // times the fastest on one matrix

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Pushes the bytes out of every cache of this machine.
void flush(const PackedMatrix& matrix) {
  const PackedView view = matrix.view();
  for (std::size_t i = 0; i < matrix.bytes(); i += 64) _mm_clflush(view.data + i);
  _mm_mfence();
}

// Some matrices of the first layer in one encoding, and what multiplies them.
class Bench {
 public:
  Bench(const Weights& weights, const Kernel& kernel, std::span<const Site> sites, Team& team)
      : weights_(weights), kernel_(kernel), sites_(sites), team_(team) {
    const auto start = Clock::now();
    if (kernel.encoding->prepare != nullptr) kernel.encoding->prepare();
    for (const Site site : sites) {
      const TernaryTensor& source = tensor(site);
      PackedMatrix& packed = packed_.emplace_back(*kernel.encoding, source.rows, source.cols);
      team.run([&](Worker& worker) {
        const std::size_t tiles = packed.tiles();
        packed.pack_tiles(
            tiles * worker.index() / worker.count(), tiles * (worker.index() + 1) / worker.count(),
            [&](std::size_t row, std::int8_t* trits) { source.read_row(row, trits); });
      });
      weights_packed_ += source.rows * source.cols;
    }
    pack_s_ = seconds_since(start);
  }

  double pack_weights_per_s() const { return static_cast<double>(weights_packed_) / pack_s_; }

  // Seconds of all products, the fastest of several runs; after one run that is hopeless beside
  // `best` (0: none yet) there is no other.
  double operator()(std::size_t tokens, bool from_memory, double best = 0.0) {
    std::size_t widest = 0;
    for (const Site site : sites_) widest = std::max(widest, tensor(site).rows);
    y_.resize(widest * tokens);
    runner_.reserve(tokens, widest, kernel_.encoding->row_tile);
    double fastest = 0.0;
    for (int run = 0; run < kRuns; ++run) {
      double seconds = 0.0;
      for (std::size_t i = 0; i < sites_.size(); ++i) {
        quantize(tensor(sites_[i]).cols, tokens);
        if (from_memory) flush(packed_[i]);
        seconds += multiply(i);
      }
      if (run == 0 || seconds < fastest) fastest = seconds;
      if (best > 0.0 && fastest > kHopeless * best) break;
    }
    return fastest;
  }

 private:
  const TernaryTensor& tensor(Site site) const {
    return weights_.layers.front().site[static_cast<std::size_t>(site)];
  }

  void quantize(std::size_t cols, std::size_t tokens) {
    if (batch_.cols() == cols && batch_.tokens() == tokens) return;
    batch_.resize(tokens, cols);
    std::vector<float> row(cols);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t i = 0; i < cols; ++i)
        row[i] = static_cast<float>((i * 37 + t * 11) % 255) - 127.0F;
      batch_.quantize(t, row.data());
    }
    batch_.reserve_table(kernel_);
  }

  double multiply(std::size_t i) {
    const Product product{&tensor(sites_[i]), {&packed_[i], 0}, y_.data()};
    const Combination combination{&kernel_, &kernel_, {}};
    const auto start = Clock::now();
    team_.execute(RegionPolicy::kToken,
                  [&](Flow& flow) { runner_.multiply(flow, combination, batch_, &product, 1); });
    return seconds_since(start);
  }

  const Weights& weights_;
  const Kernel& kernel_;
  std::span<const Site> sites_;
  Team& team_;
  std::vector<PackedMatrix> packed_;
  QuantizedBatch batch_;
  LinearRunner runner_;
  std::vector<float> y_;
  std::size_t weights_packed_ = 0;
  double pack_s_ = 0.0;
};

void fastest_first(std::vector<CalibratedKernel>& list) {
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.seconds_per_token < b.seconds_per_token;
  });
}

// The best of a list, and those that one matrix cannot tell from it.
void keep_finalists(std::vector<CalibratedKernel>& list) {
  fastest_first(list);
  std::erase_if(list, [&](const CalibratedKernel& k) {
    return k.seconds_per_token > kHopeless * list.front().seconds_per_token;
  });
  if (list.size() > kFinalists) list.resize(kFinalists);
}

bool holds(const std::vector<CalibratedKernel>& list, const Kernel* kernel) {
  return std::any_of(list.begin(), list.end(),
                     [&](const CalibratedKernel& k) { return k.kernel == kernel; });
}

std::string name(const Kernel* kernel) {
  return fmt::format("{}/{}", kernel->name, kernel->encoding->name);
}

std::string measured(const std::vector<CalibratedKernel>& list) {
  std::string text;
  for (const CalibratedKernel& k : list) {
    text += fmt::format("{}{} {:.3g} ms", text.empty() ? "" : ", ", name(k.kernel),
                        k.seconds_per_token * 1e3);
  }
  return text;
}

}  // namespace

Calibration calibrate(const Weights& weights, const std::vector<const Kernel*>& kernels, Team& team,
                      std::size_t batch, std::size_t llc_bytes) {
  static constexpr Site kOneMatrix[] = {Site::kOut};
  static constexpr Site kWholeLayer[] = {Site::kQ,    Site::kK,  Site::kV,   Site::kOut,
                                         Site::kGate, Site::kUp, Site::kDown};
  Calibration c;
  const auto start = Clock::now();
  c.batch = std::clamp<std::size_t>(batch, 1, kMostBatch);
  // Two bits a weight, the usual case; the head is read between two visits to a layer.
  c.from_memory = weights.config.ternary_weights() / 4 + weights.head_bytes() > llc_bytes;
  const auto layers = static_cast<double>(weights.layers.size());
  double best_decode = 0.0;
  double best_prefill = 0.0;
  const auto add = [](std::vector<CalibratedKernel>& list, const Kernel* kernel, double seconds,
                      double& best) {
    list.push_back({kernel, seconds});
    if (best == 0.0 || seconds < best) best = seconds;
  };
  for (const Kernel* kernel : kernels) {
    Bench bench(weights, *kernel, kOneMatrix, team);
    add(c.decode, kernel, bench(1, c.from_memory, best_decode), best_decode);
    if (c.batch == 1) continue;
    const std::size_t tokens = std::min(c.batch, kFirstBatch);
    add(c.prefill, kernel, bench(tokens, false, best_prefill), best_prefill);
  }
  keep_finalists(c.decode);
  if (c.batch > 1) keep_finalists(c.prefill);
  for (const Kernel* kernel : kernels) {
    if (!holds(c.decode, kernel) && !holds(c.prefill, kernel)) continue;
    Bench bench(weights, *kernel, kWholeLayer, team);
    if (c.pack_weights_per_s == 0.0 || bench.pack_weights_per_s() < c.pack_weights_per_s) {
      c.pack_weights_per_s = bench.pack_weights_per_s();
    }
    const auto measure = [&](std::vector<CalibratedKernel>& list, std::size_t tokens, bool memory) {
      for (CalibratedKernel& k : list) {
        if (k.kernel == kernel) {
          k.seconds_per_token = bench(tokens, memory) * layers / static_cast<double>(tokens);
        }
      }
    };
    measure(c.decode, 1, c.from_memory);
    measure(c.prefill, c.batch, false);
  }
  fastest_first(c.decode);
  fastest_first(c.prefill);
  if (c.batch == 1) c.prefill = c.decode;
  c.seconds = seconds_since(start);
  return c;
}

KernelChoice choose(const Calibration& c, const Weights& weights, std::size_t prompt_tokens) {
  KernelChoice choice;
  choice.decode = c.decode.front().kernel;
  choice.prefill = c.prefill.front().kernel;
  std::string why;
  if (choice.prefill->encoding != choice.decode->encoding) {
    // The fastest that reads what decode reads; where none was measured, decode's own.
    double same = c.decode.front().seconds_per_token;
    const Kernel* reads_same = choice.decode;
    for (const CalibratedKernel& k : c.prefill) {
      if (k.kernel->encoding != choice.decode->encoding) continue;
      same = k.seconds_per_token;
      reads_same = k.kernel;
      break;
    }
    const double saved =
        (same - c.prefill.front().seconds_per_token) * static_cast<double>(prompt_tokens);
    const double packing =
        static_cast<double>(weights.config.ternary_weights()) / c.pack_weights_per_s;
    if (saved < packing) {
      why = fmt::format("; {} would save {:.2g} s of {} tokens and cost {:.2g} s of packing",
                        name(choice.prefill), std::max(0.0, saved), prompt_tokens, packing);
      choice.prefill = reads_same;
    }
  }
  choice.reason = fmt::format(
      "decode by {}: of {}\nprompt by {}: a token in a batch of {}, of {}{}\n"
      "(products of a token, all layers, weights {}; measured in {:.2f} s)",
      name(choice.decode), measured(c.decode), name(choice.prefill), c.batch, measured(c.prefill),
      why, c.from_memory ? "from memory" : "in the caches", c.seconds);
  return choice;
}

}  // namespace ryz
