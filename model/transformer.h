// The whole BitNet b1.58 transformer: RMSNorm, rotary positions, grouped-query attention with a
// sub-norm, gated feed-forward with a sub-norm, tied or separate head, KV cache. (Ma et al., "The
// Era of 1-bit LLMs", arXiv:2402.17764; layer order as in the published bitnet-b1.58-2B-4T.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/schedule.h"
#include "model/linear.h"
#include "model/weights.h"

namespace ryz {

// One product of a run, seen as it happens: its quantized activations and real results.
struct ProductRecord {
  std::size_t layer = 0;
  Site site = Site::kQ;
  const QuantizedBatch* batch = nullptr;
  double activation_rms = 0.0;  // of the real activations before quantization, last token
  const float* y = nullptr;     // [tokens][rows]
  std::size_t rows = 0;
};
using ProductObserver = std::function<void(const ProductRecord&)>;

// Throws InputError where there is no token, or one that the vocabulary does not have.
void check_tokens(const Config& config, std::span<const std::int32_t> tokens);

enum class LogitsFor : std::uint8_t { kLastToken, kEveryToken };

class Transformer {
 public:
  // `context`: positions of the KV cache. The weights must outlive it.
  Transformer(const Weights& weights, std::size_t context);
  ~Transformer();

  // Forgets the cached tokens.
  void reset();
  std::size_t position() const;  // tokens in the cache
  std::size_t context() const;

  // Appends `tokens` to the cache and writes logits ([vocab] or [tokens][vocab]).
  // Throws InputError for an empty batch, a token outside the vocabulary or a full context.
  // `packed` may be null for the naive combination. The observer is called by one worker after
  // each product (null: none; never while timing) and must not throw. Inputs of more than 512
  // tokens pass in parts, each seen by the observer; the logits are the same bits however a
  // sequence is cut, on any number of threads and on every schedule.
  void forward(std::span<const std::int32_t> tokens, const Combination& combination,
               const PackedModel* packed, Team& team, LogitsFor which, float* logits,
               const ProductObserver* observer = nullptr);

 private:
  struct State;
  const Weights& weights_;
  std::unique_ptr<State> state_;
};

}  // namespace ryz
