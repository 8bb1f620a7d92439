#include "model/transformer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <string>

#include "model/errors.h"
#include "model/head.h"
#include "model/ops.h"
#include "model/product_groups.h"

namespace ryz {
namespace {

// Longer inputs pass in parts of this many tokens: working memory stays bounded, and results do
// not depend on where a sequence is cut.
constexpr std::size_t kMaxBatch = 512;

// Iterations [begin, end) of one worker; the barrier is the step's own.
Chunk share(const Worker& worker, std::size_t n) {
  return {n * worker.index() / worker.count(), n * (worker.index() + 1) / worker.count()};
}

void grow(Buffer& buffer, std::size_t bytes) {
  if (buffer.size() < bytes) buffer = Buffer(bytes);
}

}  // namespace

struct Transformer::State {
  explicit State(const Config& config, std::size_t positions);

  // One part of a batch, as the steps see it.
  struct Run {
    const Combination* combination;
    const PackedModel* packed;
    const std::int32_t* ids;
    std::size_t tokens;
    std::size_t logits_for;  // the last so many tokens
    float* logits;
    const ProductObserver* observer;
  };

  void reserve(const Weights& weights, const Run& run);
  void run(Flow& flow, const Weights& weights, const Run& run);
  void attention_block(Flow& flow, const Weights& weights, const Run& run, std::size_t layer);
  void ffn_block(Flow& flow, const Weights& weights, const Run& run, std::size_t layer);
  void products(Flow& flow, const Weights& weights, const Run& run, std::size_t layer,
                SiteGroup group, QuantizedBatch& batch, const std::array<float*, 3>& y);
  void norm_and_quantize(Worker& worker, const Run& run, std::size_t token, const float* row,
                         const std::vector<float>& weight, float eps, QuantizedBatch& batch);
  void rotate_and_cache(Worker& worker, const Run& run, std::size_t layer);
  void attend(Worker& worker, const Run& run, std::size_t layer);
  void attend_heads(Worker& worker, const Run& run, std::size_t layer, float* scores,
                    std::size_t stride);
  void attend_tokens(Worker& worker, const Run& run, std::size_t layer, float* scores,
                     std::size_t stride);

  float* cache(Buffer& buffer, std::size_t layer, std::size_t kv_head) const {
    return buffer.as<float>() + (layer * shape.kv_heads + kv_head) * context * shape.head_dim();
  }

  const Config& shape;
  std::size_t context;
  std::size_t position = 0;

  Buffer keys;     // [layer][kv head][position][head_dim]
  Buffer values;   // the same
  Buffer cosines;  // [position][head_dim / 2]
  Buffer sines;

  // [tokens][width] of the batch in hand.
  Buffer x;     // the residual stream
  Buffer q;     // queries, later the attention's result
  Buffer k, v;  // before they go to the cache
  Buffer y;     // results of the out and down products
  Buffer gate, up;
  QuantizedBatch embd_batch;
  QuantizedBatch ffn_batch;
  LinearRunner linear;
  HeadInput head_input;
  double activation_rms = 0.0;  // of the last token's latest quantized row, for the observer
};

Transformer::State::State(const Config& config, std::size_t positions)
    : shape(config), context(positions) {
  const std::size_t half = shape.head_dim() / 2;
  const std::size_t cached = shape.layers * shape.kv_width() * context * sizeof(float);
  keys = Buffer(cached);
  values = Buffer(cached);
  cosines = Buffer(context * half * sizeof(float));
  sines = Buffer(context * half * sizeof(float));
  for (std::size_t i = 0; i < half; ++i) {
    const double frequency = std::pow(static_cast<double>(shape.rope_base),
                                      -static_cast<double>(i) / static_cast<double>(half));
    for (std::size_t p = 0; p < context; ++p) {
      const double angle = static_cast<double>(p) * frequency;
      cosines.as<float>()[p * half + i] = static_cast<float>(std::cos(angle));
      sines.as<float>()[p * half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void Transformer::State::reserve(const Weights& weights, const Run& run) {
  const std::size_t n = run.tokens;
  const auto floats = [n](Buffer& buffer, std::size_t width) {
    grow(buffer, n * width * sizeof(float));
  };
  floats(x, shape.embd);
  floats(q, shape.embd);
  floats(k, shape.kv_width());
  floats(v, shape.kv_width());
  floats(y, shape.embd);
  floats(gate, shape.ffn);
  floats(up, shape.ffn);
  embd_batch.resize(n, shape.embd);
  ffn_batch.resize(n, shape.ffn);
  std::size_t row_tile = 1;
  if (const Kernel* kernel = run.combination->executed;
      run.combination->requested != nullptr && kernel != nullptr) {
    embd_batch.reserve_table(*kernel);
    ffn_batch.reserve_table(*kernel);
    row_tile = kernel->encoding->row_tile;
  }
  linear.reserve(n, std::max(shape.embd + 2 * shape.kv_width(), 2 * shape.ffn), row_tile);
  head_input.reserve(weights.head, run.logits_for);
}

void Transformer::State::norm_and_quantize(Worker& worker, const Run& run, std::size_t token,
                                           const float* row, const std::vector<float>& weight,
                                           float eps, QuantizedBatch& batch) {
  auto* const normed = static_cast<float*>(worker.arena(weight.size() * sizeof(float)));
  rms_norm(row, weight.data(), weight.size(), eps, normed);
  batch.quantize(token, normed);
  if (run.observer != nullptr && token + 1 == run.tokens) {
    activation_rms = rms(normed, weight.size());
  }
}

void Transformer::State::products(Flow& flow, const Weights& weights, const Run& run,
                                  std::size_t layer, SiteGroup group, QuantizedBatch& batch,
                                  const std::array<float*, 3>& y_of) {
  Product list[3];
  for (std::size_t i = 0; i < group.count; ++i) {
    const auto site = static_cast<Site>(group.first + i);
    list[i].source = &weights.layers[layer].site[group.first + i];
    if (run.packed != nullptr) list[i].packed = run.packed->at(layer, site);
    list[i].y = y_of[i];
  }
  linear.multiply(flow, *run.combination, batch, list, group.count);
  if (run.observer == nullptr) return;
  flow.step(1, [&](Worker& worker) {
    if (worker.index() != 0) return;
    for (std::size_t i = 0; i < group.count; ++i) {
      (*run.observer)({layer, static_cast<Site>(group.first + i), &batch, activation_rms, y_of[i],
                       list[i].source->rows});
    }
  });
}

// One (token, head) after the other: queries are rotated in place, keys on their way to the cache.
void Transformer::State::rotate_and_cache(Worker& worker, const Run& run, std::size_t layer) {
  const std::size_t width = shape.head_dim();
  const Chunk mine = share(worker, run.tokens * shape.heads);
  for (std::size_t u = mine.begin; u < mine.end; ++u) {
    const std::size_t t = u / shape.heads;
    const std::size_t h = u % shape.heads;
    const std::size_t p = position + t;
    const float* const c = cosines.as<float>() + p * (width / 2);
    const float* const s = sines.as<float>() + p * (width / 2);
    rope(q.as<float>() + t * shape.embd + h * width, c, s, width);
    if (h >= shape.kv_heads) continue;
    float* const key = k.as<float>() + t * shape.kv_width() + h * width;
    rope(key, c, s, width);
    std::copy_n(key, width, cache(keys, layer, h) + p * width);
    std::copy_n(v.as<float>() + t * shape.kv_width() + h * width, width,
                cache(values, layer, h) + p * width);
  }
}

// Four queries at a time share the reading of keys and values: four tokens of a head or, of fewer,
// four heads.
void Transformer::State::attend(Worker& worker, const Run& run, std::size_t layer) {
  // Rows a cache line off a power of two.
  const std::size_t stride = round_up(position + run.tokens, kLineFloats) + kLineFloats;
  auto* const scores = static_cast<float*>(worker.arena(4 * stride * sizeof(float)));
  if (run.tokens < 4) {
    attend_heads(worker, run, layer, scores, stride);
  } else {
    attend_tokens(worker, run, layer, scores, stride);
  }
}

// Heads in blocks, so that those that share keys and values mostly share a worker. Four heads take
// about as long as two by themselves.
void Transformer::State::attend_heads(Worker& worker, const Run& run, std::size_t layer,
                                      float* scores, std::size_t stride) {
  const std::size_t width = shape.head_dim();
  const std::size_t sharing = shape.heads / shape.kv_heads;
  const auto most = [&](std::size_t n) { return (n + worker.count() - 1) / worker.count(); };
  const bool fours = sharing % 4 == 0 && 2 * most(shape.heads / 4) <= most(shape.heads);
  const std::size_t step = fours ? 4 : 1;
  const Chunk mine = share(worker, shape.heads / step);
  for (std::size_t u = mine.begin; u < mine.end; ++u) {
    const std::size_t h = u * step;
    const float* const k = cache(keys, layer, h / sharing);
    const float* const v = cache(values, layer, h / sharing);
    for (std::size_t t = 0; t < run.tokens; ++t) {
      float* const query = q.as<float>() + t * shape.embd + h * width;
      if (fours) {
        four_attentions(query, width, k, v, position + t + 1, 0, width, scores, stride);
      } else {
        attention(query, k, v, position + t + 1, width, scores, query);
      }
    }
  }
}

// Head by head, groups of four tokens dealt out in turn: later tokens look back further, and all
// workers read the keys and values of one head at a time.
void Transformer::State::attend_tokens(Worker& worker, const Run& run, std::size_t layer,
                                       float* scores, std::size_t stride) {
  const std::size_t width = shape.head_dim();
  const std::size_t groups = (run.tokens + 3) / 4;
  for (std::size_t u = worker.index(); u < groups * shape.heads; u += worker.count()) {
    const std::size_t h = u / groups;
    const std::size_t t = u % groups * 4;
    const float* const k = cache(keys, layer, h / (shape.heads / shape.kv_heads));
    const float* const v = cache(values, layer, h / (shape.heads / shape.kv_heads));
    float* const query = q.as<float>() + t * shape.embd + h * width;
    if (t + 4 <= run.tokens) {
      four_attentions(query, shape.embd, k, v, position + t + 1, 1, width, scores, stride);
      continue;
    }
    for (std::size_t i = 0; t + i < run.tokens; ++i) {
      float* const one = query + i * shape.embd;
      attention(one, k, v, position + t + i + 1, width, scores, one);
    }
  }
}

void Transformer::State::attention_block(Flow& flow, const Weights& weights, const Run& run,
                                         std::size_t layer) {
  const Layer& w = weights.layers[layer];
  const float eps = shape.rms_eps;
  flow.step(run.tokens, [&](Worker& worker) {
    const Chunk mine = share(worker, run.tokens);
    for (std::size_t t = mine.begin; t < mine.end; ++t) {
      float* const row = x.as<float>() + t * shape.embd;
      if (layer == 0) {
        weights.embedding.read_row(static_cast<std::size_t>(run.ids[t]), row);
      } else {
        add(row, y.as<float>() + t * shape.embd, shape.embd);  // the last layer's feed-forward
      }
      norm_and_quantize(worker, run, t, row, w.attn_norm, eps, embd_batch);
    }
  });
  products(flow, weights, run, layer, kQkvGroup, embd_batch,
           {q.as<float>(), k.as<float>(), v.as<float>()});
  flow.step(run.tokens * shape.heads,
            [&](Worker& worker) { rotate_and_cache(worker, run, layer); });
  flow.step((run.tokens + 3) / 4 * shape.heads,
            [&](Worker& worker) { attend(worker, run, layer); });
  flow.step(run.tokens, [&](Worker& worker) {
    const Chunk mine = share(worker, run.tokens);
    for (std::size_t t = mine.begin; t < mine.end; ++t) {
      norm_and_quantize(worker, run, t, q.as<float>() + t * shape.embd, w.attn_sub_norm, eps,
                        embd_batch);
    }
  });
  products(flow, weights, run, layer, kOutGroup, embd_batch, {y.as<float>()});
}

void Transformer::State::ffn_block(Flow& flow, const Weights& weights, const Run& run,
                                   std::size_t layer) {
  const Layer& w = weights.layers[layer];
  const float eps = shape.rms_eps;
  flow.step(run.tokens, [&](Worker& worker) {
    const Chunk mine = share(worker, run.tokens);
    for (std::size_t t = mine.begin; t < mine.end; ++t) {
      float* const row = x.as<float>() + t * shape.embd;
      add(row, y.as<float>() + t * shape.embd, shape.embd);
      norm_and_quantize(worker, run, t, row, w.ffn_norm, eps, embd_batch);
    }
  });
  products(flow, weights, run, layer, kGateUpGroup, embd_batch, {gate.as<float>(), up.as<float>()});
  flow.step(run.tokens, [&](Worker& worker) {
    const Chunk mine = share(worker, run.tokens);
    for (std::size_t t = mine.begin; t < mine.end; ++t) {
      float* const g = gate.as<float>() + t * shape.ffn;
      const float* const u = up.as<float>() + t * shape.ffn;
      if (shape.activation == FfnActivation::kSilu) {
        silu_gate(g, u, shape.ffn, g);
      } else {
        squared_relu_gate(g, u, shape.ffn, g);
      }
      norm_and_quantize(worker, run, t, g, w.ffn_sub_norm, eps, ffn_batch);
    }
  });
  products(flow, weights, run, layer, kDownGroup, ffn_batch, {y.as<float>()});
}

void Transformer::State::run(Flow& flow, const Weights& weights, const Run& run) {
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    attention_block(flow, weights, run, layer);
    ffn_block(flow, weights, run, layer);
  }
  if (run.logits_for == 0) return;
  flow.step(run.logits_for, [&](Worker& worker) {
    const Chunk mine = share(worker, run.logits_for);
    for (std::size_t i = mine.begin; i < mine.end; ++i) {
      const std::size_t t = run.tokens - run.logits_for + i;
      float* const row = x.as<float>() + t * shape.embd;
      add(row, y.as<float>() + t * shape.embd, shape.embd);
      rms_norm(row, weights.output_norm.data(), shape.embd, shape.rms_eps, row);
      head_input.set(i, row);
    }
  });
  multiply_head(flow, weights.head, head_input, run.logits_for, run.logits);
}

Transformer::Transformer(const Weights& weights, std::size_t context) : weights_(weights) {
  const Config& config = weights.config;
  if (context == 0) throw InputError("a context of 0 positions holds no token; ask for 1 or more");
  const std::string too_large = "a context of " + std::to_string(context) +
                                " positions needs more memory than there is; ask for fewer";
  // Keys and values, and angles of a head: far from where their sizes would overflow.
  constexpr std::size_t kMaxFloats = std::size_t{1} << 44;
  const std::size_t floats = std::max(config.layers * config.kv_width(), config.head_dim());
  if (context > kMaxFloats / floats) throw InputError(too_large);
  try {
    state_ = std::make_unique<State>(config, context);
  } catch (const std::bad_alloc&) {
    throw InputError(too_large);
  }
}

void check_tokens(const Config& config, std::span<const std::int32_t> tokens) {
  if (tokens.empty()) throw InputError("no tokens were given; a forward pass needs at least one");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || static_cast<std::size_t>(tokens[i]) >= config.vocab) {
      throw InputError("token " + std::to_string(tokens[i]) + " (number " + std::to_string(i + 1) +
                       " of the input) is outside the vocabulary of " +
                       std::to_string(config.vocab));
    }
  }
}

Transformer::~Transformer() = default;

void Transformer::reset() { state_->position = 0; }
std::size_t Transformer::position() const { return state_->position; }
std::size_t Transformer::context() const { return state_->context; }

void Transformer::forward(std::span<const std::int32_t> tokens, const Combination& combination,
                          const PackedModel* packed, Team& team, LogitsFor which, float* logits,
                          const ProductObserver* observer) {
  State& state = *state_;
  check_tokens(weights_.config, tokens);
  if (tokens.size() > state.context - state.position) {
    throw InputError("the context of " + std::to_string(state.context) +
                     " positions is full: " + std::to_string(state.position) + " are used and " +
                     std::to_string(tokens.size()) + " more were given");
  }
  if (combination.requested != nullptr && (packed == nullptr || combination.executed == nullptr)) {
    throw InputError("a kernel was asked for without packed weights");
  }
  for (std::size_t done = 0; done < tokens.size();) {
    const std::size_t n = std::min(kMaxBatch, tokens.size() - done);
    const bool last = done + n == tokens.size();
    const std::size_t logits_for = which == LogitsFor::kEveryToken ? n : last ? 1 : 0;
    const State::Run run{&combination,
                         combination.requested == nullptr ? nullptr : packed,
                         tokens.data() + done,
                         n,
                         logits_for,
                         logits + (which == LogitsFor::kEveryToken ? done : 0) * weights_.head.rows,
                         observer};
    state.reserve(weights_, run);
    team.execute(combination.schedule.region, [&](Flow& flow) { state.run(flow, weights_, run); });
    state.position += n;
    done += n;
  }
  // What was read from a file's pages may be something else than what was checked by now.
  const bool reads_source = combination.requested == nullptr;
  const bool reads_embedding = weights_.embedding.data != weights_.head.data;
  if (reads_source || reads_embedding) weights_.check_source();
}

}  // namespace ryz
