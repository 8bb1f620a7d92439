#include "harness/measure/session.h"

#include <algorithm>
#include <chrono>

#include "model/errors.h"

namespace ryz {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr std::size_t kPromptTokens = 8;

}  // namespace

Session::Session(Weights weights, SessionOptions options)
    : weights_(std::move(weights)),
      options_(std::move(options)),
      transformer_(weights_, options_.context) {
  if (options_.prompt.empty()) {
    for (std::size_t i = 0; i < kPromptTokens; ++i) {
      options_.prompt.push_back(static_cast<std::int32_t>((17 + i * 7919) % weights_.config.vocab));
    }
  }
  if (options_.prompt.size() > options_.context) {
    throw InputError("the prompt has " + std::to_string(options_.prompt.size()) +
                     " tokens, the context " + std::to_string(options_.context));
  }
}

std::int32_t Session::forced_token(std::size_t position) const {
  if (position < options_.prompt.size()) return options_.prompt[position];
  return static_cast<std::int32_t>((position * 7919 + 17) % weights_.config.vocab);
}

Team& Session::team(const CellSpec& spec) {
  auto& team = teams_[{spec.threads, pin_name(spec.pin), spec.schedule.barrier}];
  if (!team) {
    // More threads than CPUs: nothing to pin to, and the read-back says so.
    team = std::make_unique<Team>(TeamOptions{
        spec.threads, team_cpus(spec.pin, options_.cpus, spec.threads), spec.schedule.barrier});
  }
  return *team;
}

std::size_t Session::packed_bytes(const Encoding& encoding) const {
  std::size_t bytes = 0;
  for (const Layer& layer : weights_.layers) {
    for (const TernaryTensor& t : layer.site) {
      bytes += (t.rows + encoding.row_tile - 1) / encoding.row_tile * encoding.tile_bytes(t.cols);
    }
  }
  return bytes;
}

bool Session::fits_all(const std::vector<const Encoding*>& encodings) const {
  std::size_t bytes = 0;
  for (const Encoding* encoding : encodings) bytes += packed_bytes(*encoding);
  return bytes <= options_.packed_budget_bytes;
}

const PackedModel* Session::packed(const Kernel* kernel, FirstTouch touch) {
  if (kernel == nullptr) return nullptr;
  for (const Packed& p : packed_) {
    if (p.encoding == kernel->encoding && p.touch == touch) return p.model.get();
  }
  const std::size_t next = packed_bytes(*kernel->encoding);
  std::size_t kept = 0;
  for (const Packed& p : packed_) kept += p.model->bytes();
  while (!packed_.empty() && kept + next > options_.packed_budget_bytes) {
    kept -= packed_.front().model->bytes();
    packed_.erase(packed_.begin());
  }
  const auto start = std::chrono::steady_clock::now();
  if (kernel->encoding->prepare != nullptr) kernel->encoding->prepare();
  CellSpec packers;
  packers.threads = touch == FirstTouch::kOne ? 1 : options_.max_threads;
  auto model =
      std::make_unique<PackedModel>(pack_model(weights_, *kernel->encoding, team(packers)));
  pack_seconds_ = seconds_since(start);
  packed_.push_back({kernel->encoding, touch, std::move(model)});
  return packed_.back().model.get();
}

ReferenceWork& Session::reference_work() {
  if (!reference_work_) reference_work_ = std::make_unique<ReferenceWork>();
  return *reference_work_;
}

void Session::prepare(const CellSpec& spec) {
  packed(spec.requested, spec.schedule.first_touch);
  team(spec);
}

void Session::forward(const CellSpec& spec, const std::int32_t* tokens, std::size_t count,
                      LogitsFor which, float* logits, const ProductObserver* observer) {
  transformer_.forward({tokens, count}, spec.combination(),
                       packed(spec.requested, spec.schedule.first_touch), team(spec), which, logits,
                       observer);
}

void Session::decode(const CellSpec& spec, std::size_t tokens, float* logits) {
  transformer_.reset();
  for (std::size_t i = 0; i < tokens; ++i) {
    const std::int32_t token = forced_token(i);
    forward(spec, &token, 1, LogitsFor::kLastToken, logits);
  }
}

void Session::prefill(const CellSpec& spec, std::size_t tokens, float* logits) {
  transformer_.reset();
  tokens_.resize(tokens);
  for (std::size_t i = 0; i < tokens; ++i) tokens_[i] = forced_token(i);
  forward(spec, tokens_.data(), tokens, LogitsFor::kLastToken, logits);
}

void Session::append(const CellSpec& spec, std::int32_t token, float* logits) {
  forward(spec, &token, 1, LogitsFor::kLastToken, logits);
}

std::uint64_t Session::bytes_per_token(Phase phase, std::uint64_t packed_bytes,
                                       std::size_t tokens) const {
  const Config& config = weights_.config;
  const std::uint64_t pass = packed_bytes + weights_.head_bytes() + config.norm_bytes();
  if (phase == Phase::kPrefill) return pass / tokens;
  return pass + config.kv_bytes() * (tokens + 1) / 2;  // token i reads i + 1 positions
}

const NaiveTruth& Session::truth() {
  if (truth_) return *truth_;
  NaiveTruth truth;
  truth.prompt = options_.prompt;
  const std::size_t n = truth.prompt.size();
  truth.logits.resize(n * weights_.config.vocab);
  const ProductObserver observer = [&](const ProductRecord& record) {
    const std::size_t last = record.batch->tokens() - 1;
    const Activations a = record.batch->view();
    NaiveProduct product;
    product.layer = record.layer;
    product.site = record.site;
    const std::int8_t* q = a.q + last * a.stride;
    product.q.assign(q, q + a.cols);
    product.activation_scale = record.batch->scales()[last];
    product.activation_rms = record.activation_rms;
    const float* y = record.y + last * record.rows;
    product.y.assign(y, y + record.rows);
    truth.products.push_back(std::move(product));
  };
  CellSpec naive;
  naive.schedule = repaired_schedule();
  naive.threads = options_.max_threads;
  const auto start = std::chrono::steady_clock::now();
  transformer_.reset();
  forward(naive, truth.prompt.data(), n, LogitsFor::kEveryToken, truth.logits.data(), &observer);
  truth.seconds = seconds_since(start);
  truth_ = std::move(truth);
  return *truth_;
}

}  // namespace ryz
