// One model under measurement: its weights, the naive truth about it, its packed forms and the
// teams that run it. Everything that executes a combination goes through here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/measure/reference_work.h"
#include "harness/plan/cells.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace ryz {

// What the naive run of the forced prompt left behind.
struct NaiveProduct {
  std::size_t layer = 0;
  Site site = Site::kQ;
  std::vector<std::int8_t> q;  // the last token's activations
  float activation_scale = 0.0F;
  double activation_rms = 0.0;  // before quantization
  std::vector<float> y;         // [rows]
};
struct NaiveTruth {
  std::vector<std::int32_t> prompt;
  std::vector<float> logits;  // [prompt token][vocab]
  std::vector<NaiveProduct> products;
  double seconds = 0.0;

  const float* logits_at(std::size_t position, std::size_t vocab) const {
    return logits.data() + position * vocab;
  }
};

struct SessionOptions {
  std::vector<std::int32_t> prompt;  // empty: 8 tokens spread over the vocabulary
  std::size_t context = 64;          // positions a sample may use
  std::vector<int> cpus;             // one a physical core, for pinned teams
  unsigned max_threads = 1;
  std::size_t packed_budget_bytes = std::size_t{2} << 30;  // packed models kept at once
};

class Session {
 public:
  Session(Weights weights, SessionOptions options);

  const Weights& weights() const { return weights_; }
  const SessionOptions& options() const { return options_; }
  Team& team(const CellSpec& spec);

  // Computed once, with every thread.
  const NaiveTruth& truth();

  // Null for the naive product. Packs at first use; the oldest others leave when the budget is
  // full.
  const PackedModel* packed(const Kernel* kernel, FirstTouch touch = FirstTouch::kOwners);
  std::size_t packed_bytes(const Encoding& encoding) const;
  bool fits_all(const std::vector<const Encoding*>& encodings) const;
  double pack_seconds() const { return pack_seconds_; }

  // Feeds `tokens` forced tokens one by one from an empty cache. Logits of the last: [vocab].
  void decode(const CellSpec& spec, std::size_t tokens, float* logits);
  // Feeds them in one batch.
  void prefill(const CellSpec& spec, std::size_t tokens, float* logits);
  // Feeds one more token after what is in the cache.
  void append(const CellSpec& spec, std::int32_t token, float* logits);

  // What decode() or prefill() of so many tokens reads from memory a token, the mean: packed
  // weights, the head and the norms, which a prompt's tokens share, and by decode() the cached keys
  // and values.
  std::uint64_t bytes_per_token(Phase phase, std::uint64_t packed_bytes, std::size_t tokens) const;

  // The forced token at a position: the prompt, then a fixed sequence over the vocabulary.
  std::int32_t forced_token(std::size_t position) const;

  ReferenceWork& reference_work();

  // Everything a sample touches, outside the clock: packs, makes the team.
  void prepare(const CellSpec& spec);

 private:
  void forward(const CellSpec& spec, const std::int32_t* tokens, std::size_t count, LogitsFor which,
               float* logits, const ProductObserver* observer = nullptr);

  Weights weights_;
  SessionOptions options_;
  struct TeamKey {
    unsigned threads;
    std::string pin;
    BarrierPolicy barrier;
    auto operator<=>(const TeamKey&) const = default;  // NOLINT(modernize-use-nullptr): of 0
  };
  std::map<TeamKey, std::unique_ptr<Team>> teams_;
  Transformer transformer_;
  struct Packed {
    const Encoding* encoding;
    FirstTouch touch;
    std::unique_ptr<PackedModel> model;
  };
  std::vector<Packed> packed_;  // oldest first
  std::optional<NaiveTruth> truth_;
  std::vector<std::int32_t> tokens_;
  double pack_seconds_ = 0.0;
  std::unique_ptr<ReferenceWork> reference_work_;
};

}  // namespace ryz
