#include "harness/measure/calibration.h"

#include <emmintrin.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>

#include "model/linear.h"
#include "model/product_groups.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBatch = 64;
constexpr std::size_t kFirstBatch = 16;  // on one matrix, by every kernel: also by slow ones
constexpr std::size_t kFinalists = 3;    // kernels of a batch that are measured on the whole layer
constexpr std::size_t kFinalEncodings = 5;  // of one token, the best kernel of each
constexpr std::size_t kRuns = 3;            // on one matrix
constexpr std::size_t kRounds = 5;          // on the whole layer
constexpr double kHopeless = 3.0;           // times the fastest on one matrix

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Pushes the bytes out of every cache of this machine.
void flush(const std::uint8_t* bytes, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 64) _mm_clflush(bytes + i);
  _mm_mfence();
}

// Activations of no particular distribution.
void fill(QuantizedBatch& batch, std::size_t tokens, std::size_t cols) {
  batch.resize(tokens, cols);
  std::vector<float> row(cols);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < cols; ++i) {
      row[i] = static_cast<float>((i * 37 + t * 11) % 255) - 127.0F;
    }
    batch.quantize(t, row.data());
  }
}

// One matrix in one encoding: which kernels are worth a closer look.
class OneMatrix {
 public:
  OneMatrix(const Weights& weights, const Encoding& encoding, Team& team)
      : source_(weights.layers.front().site[static_cast<std::size_t>(Site::kOut)]),
        team_(team),
        memory_(packed_bytes(encoding, source_.rows, source_.cols), Pages::kHuge),
        packed_(encoding, source_.rows, source_.cols, memory_.as<std::uint8_t>()) {
    if (encoding.prepare != nullptr) encoding.prepare();
    team.run([&](Worker& worker) {
      const std::size_t tiles = packed_.tiles();
      packed_.pack_tiles(
          tiles * worker.index() / worker.count(), tiles * (worker.index() + 1) / worker.count(),
          [&](std::size_t row, std::int8_t* trits) { source_.read_row(row, trits); });
    });
  }

  // Seconds of the fastest of several runs; after one run that is hopeless beside `best` (0: none
  // yet) there is no other.
  double operator()(const Kernel& kernel, std::size_t tokens, bool from_memory, double best) {
    fill(batch_, tokens, source_.cols);
    batch_.reserve_table(kernel);
    y_.resize(source_.rows * tokens);
    runner_.reserve(tokens, source_.rows, kernel.encoding->row_tile);
    const Product product{&source_, {&packed_, 0}, y_.data()};
    const Combination combination{&kernel, &kernel, {}};
    const auto multiply = [&] {
      const auto start = Clock::now();
      team_.execute(RegionPolicy::kToken,
                    [&](Flow& flow) { runner_.multiply(flow, combination, batch_, &product, 1); });
      return seconds_since(start);
    };
    multiply();  // touches what it works in
    double fastest = 0.0;
    for (std::size_t run = 0; run < kRuns; ++run) {
      if (from_memory) flush(packed_.view().data, packed_.bytes());
      const double seconds = multiply();
      if (run == 0 || seconds < fastest) fastest = seconds;
      if (best > 0.0 && fastest > kHopeless * best) break;
    }
    return fastest;
  }

 private:
  const TernaryTensor& source_;
  Team& team_;
  Buffer memory_;
  PackedMatrix packed_;
  QuantizedBatch batch_;
  LinearRunner runner_;
  std::vector<float> y_;
};

// A layer in one encoding, packed as the model is and multiplied as by a token: one stream through
// all matrices, in one parallel region. Matrix by matrix, what a stream takes to begin and tables
// to be built weighs more than in a token.
class WholeLayer {
 public:
  WholeLayer(const Weights& layer, const Encoding& encoding, Team& team) : layer_(layer) {
    const auto start = Clock::now();
    packed_ = pack_model(layer, encoding, team);
    pack_weights_per_s_ = static_cast<double>(layer.config.ternary_weights()) /
                          static_cast<double>(layer.config.layers) / seconds_since(start);
  }

  double pack_weights_per_s() const { return pack_weights_per_s_; }
  const Layer& source() const { return layer_.layers.front(); }
  const PackedTiles& tiles(std::size_t site) const { return packed_.tiles[site]; }
  void flush() const { ryz::flush(packed_.memory.as<std::uint8_t>(), packed_.bytes()); }

 private:
  const Weights& layer_;
  PackedModel packed_;
  double pack_weights_per_s_ = 0.0;
};

// All products of a layer for so many tokens.
class LayerRun {
 public:
  LayerRun(const WholeLayer& layer, const Kernel& kernel, std::size_t tokens, Team& team)
      : layer_(layer), combination_{&kernel, &kernel, {}}, team_(team) {
    std::size_t most_rows = 0;
    for (const SiteGroup group : kSiteGroups) {
      QuantizedBatch& batch = batches_.emplace_back();
      fill(batch, tokens, layer.source().site[group.first].cols);
      batch.reserve_table(kernel);
      std::size_t rows = 0;
      for (std::size_t i = group.first; i < group.first + group.count; ++i) {
        y_.emplace_back(layer.source().site[i].rows * tokens);
        rows += layer.source().site[i].rows;
      }
      most_rows = std::max(most_rows, rows);
    }
    runner_.reserve(tokens, most_rows, kernel.encoding->row_tile);
    (*this)(false);  // touches what it works in
  }

  double operator()(bool from_memory) {
    if (from_memory) layer_.flush();
    const auto start = Clock::now();
    team_.execute(RegionPolicy::kToken, [&](Flow& flow) {
      for (std::size_t g = 0; g < std::size(kSiteGroups); ++g) {
        Product products[kSites];
        for (std::size_t i = 0; i < kSiteGroups[g].count; ++i) {
          const std::size_t site = kSiteGroups[g].first + i;
          products[i] = {&layer_.source().site[site], layer_.tiles(site), y_[site].data()};
        }
        runner_.multiply(flow, combination_, batches_[g], products, kSiteGroups[g].count);
      }
    });
    return seconds_since(start);
  }

 private:
  const WholeLayer& layer_;
  Combination combination_;
  Team& team_;
  std::vector<QuantizedBatch> batches_;  // of the groups
  std::vector<std::vector<float>> y_;    // of the sites
  LinearRunner runner_;
};

// The model with its first layer alone, without what is not multiplied here.
Weights first_layer(const Weights& weights) {
  Weights layer;
  layer.config = weights.config;
  layer.layers.push_back(weights.layers.front());
  layer.storage = weights.storage;
  layer.file = weights.file;
  return layer;
}

void fastest_first(std::vector<CalibratedKernel>& list) {
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.seconds_per_token < b.seconds_per_token;
  });
}

// The best of a list, and those that one matrix cannot tell from it.
void keep_best(std::vector<CalibratedKernel>& list, std::size_t most) {
  fastest_first(list);
  std::erase_if(list, [&](const CalibratedKernel& k) {
    return k.seconds_per_token > kHopeless * list.front().seconds_per_token;
  });
  if (list.size() > most) list.resize(most);
}

// Of kernels with one encoding the best: one token they often multiply by the same code.
void keep_one_an_encoding(std::vector<CalibratedKernel>& list) {
  fastest_first(list);
  std::vector<CalibratedKernel> kept;
  for (const CalibratedKernel& k : list) {
    if (std::none_of(kept.begin(), kept.end(), [&](const CalibratedKernel& other) {
          return other.kernel->encoding == k.kernel->encoding;
        })) {
      kept.push_back(k);
    }
  }
  list = std::move(kept);
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

// Every kernel on one matrix.
void preselect(const Weights& weights, const std::vector<const Kernel*>& kernels, Team& team,
               Calibration& c) {
  double best_decode = 0.0;
  double best_prefill = 0.0;
  const auto add = [](std::vector<CalibratedKernel>& list, const Kernel* kernel, double seconds,
                      double& best) {
    list.push_back({kernel, seconds});
    if (best == 0.0 || seconds < best) best = seconds;
  };
  std::map<const Encoding*, std::vector<const Kernel*>> of_encoding;
  for (const Kernel* kernel : kernels) of_encoding[kernel->encoding].push_back(kernel);
  for (const auto& [encoding, list] : of_encoding) {
    OneMatrix matrix(weights, *encoding, team);
    for (const Kernel* kernel : list) {
      add(c.decode, kernel, matrix(*kernel, 1, c.from_memory, best_decode), best_decode);
      if (c.batch == 1) continue;
      const std::size_t tokens = std::min(c.batch, kFirstBatch);
      add(c.prefill, kernel, matrix(*kernel, tokens, false, best_prefill), best_prefill);
    }
  }
  keep_one_an_encoding(c.decode);
  keep_best(c.decode, kFinalEncodings);
  if (c.batch > 1) keep_best(c.prefill, kFinalists);
}

// Those that are left, in turn, so that a slow moment of the machine meets all of them.
void compare_on_layer(const Weights& weights, Team& team, Calibration& c) {
  const Weights layer = first_layer(weights);
  std::map<const Encoding*, std::unique_ptr<WholeLayer>> layers;
  for (const auto* list : {&c.decode, &c.prefill}) {
    for (const CalibratedKernel& k : *list) {
      auto& packed = layers[k.kernel->encoding];
      if (packed) continue;
      packed = std::make_unique<WholeLayer>(layer, *k.kernel->encoding, team);
      const double rate = packed->pack_weights_per_s();
      if (c.pack_weights_per_s == 0.0 || rate < c.pack_weights_per_s) c.pack_weights_per_s = rate;
    }
  }
  const auto measure = [&](std::vector<CalibratedKernel>& list, std::size_t tokens, bool memory) {
    std::vector<std::unique_ptr<LayerRun>> runs;
    for (const CalibratedKernel& k : list) {
      runs.push_back(
          std::make_unique<LayerRun>(*layers[k.kernel->encoding], *k.kernel, tokens, team));
    }
    std::vector<std::vector<double>> seconds(list.size());
    for (std::size_t round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < list.size(); ++i) seconds[i].push_back((*runs[i])(memory));
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].seconds_per_token = report::median(seconds[i]) *
                                  static_cast<double>(weights.layers.size()) /
                                  static_cast<double>(tokens);
    }
  };
  measure(c.decode, 1, c.from_memory);
  measure(c.prefill, c.batch, false);
}

}  // namespace

Calibration calibrate(const Weights& weights, const std::vector<const Kernel*>& kernels, Team& team,
                      std::size_t batch, std::size_t llc_bytes) {
  Calibration c;
  const auto start = Clock::now();
  c.batch = std::clamp<std::size_t>(batch, 1, kMostBatch);
  // Two bits a weight, the usual case; the head is read between two visits to a layer.
  c.from_memory = weights.config.ternary_weights() / 4 + weights.head_bytes() > llc_bytes;
  preselect(weights, kernels, team, c);
  compare_on_layer(weights, team, c);
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
