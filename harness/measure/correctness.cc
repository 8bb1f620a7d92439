#include "harness/measure/correctness.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/tally.h"
#include "model/linear.h"
#include "reports/statistics.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongPromptS = 2.0;  // two tokens of it are checked in its place

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string product_name(const NaiveProduct& product) {
  return fmt::format("blk.{}.{}", product.layer, site_name(product.site));
}

// Runs one product of the naive trace through the spec's kernel and schedule.
void run_product(Session& session, const CellSpec& spec, const NaiveProduct& product,
                 QuantizedBatch& batch, LinearRunner& runner, std::vector<float>& y) {
  const auto site = static_cast<std::size_t>(product.site);
  const TernaryTensor& source = session.weights().layers[product.layer].site[site];
  const PackedModel* packed = session.packed(spec.requested, spec.schedule.first_touch);
  const Combination combination = spec.combination();
  batch.resize(1, source.cols);
  batch.assign(0, product.q.data(), product.activation_scale);
  if (combination.executed != nullptr) batch.reserve_table(*combination.executed);
  runner.reserve(1, source.rows);
  // Poisoned, so that an element nobody writes cannot pass by what lay there before.
  y.assign(source.rows, std::numeric_limits<float>::quiet_NaN());
  const Product target{&source, packed ? packed->at(product.layer, product.site) : PackedTiles{},
                       y.data()};
  session.team(spec).execute(spec.schedule.region, [&](Flow& flow) {
    runner.multiply(flow, combination, batch, &target, 1);
  });
}

}  // namespace

double relative_l2(const float* y, const float* y_hat, std::size_t n) {
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(y[i]) - static_cast<double>(y_hat[i]);
    difference += d * d;
    norm += static_cast<double>(y[i]) * static_cast<double>(y[i]);
  }
  if (!std::isfinite(difference) || !std::isfinite(norm)) {
    return std::numeric_limits<double>::infinity();
  }
  if (difference == 0.0) return 0.0;
  return norm == 0.0 ? std::numeric_limits<double>::infinity() : std::sqrt(difference / norm);
}

std::string digest(const float* values, std::size_t n) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    for (int b = 0; b < 4; ++b) {
      hash = (hash ^ (bits >> (8 * b) & 0xffU)) * 0x100000001b3U;
    }
  }
  return fmt::format("{:016x}", hash);
}

KernelCheck check_kernel(Session& session, const CellSpec& spec, bool with_logits) {
  const NaiveTruth& truth = session.truth();
  session.prepare(spec);
  const auto before = called_isas();
  KernelCheck check;
  QuantizedBatch batch;
  LinearRunner runner;
  std::vector<float> y;
  std::vector<double> errors;
  std::vector<double> rms;
  std::uint64_t mismatches = 0;
  double worst = -1.0;
  double multiplying_s = 0.0;
  for (const NaiveProduct& product : truth.products) {
    const auto start = Clock::now();
    run_product(session, spec, product, batch, runner, y);
    multiplying_s += seconds_since(start);
    const double error = relative_l2(product.y.data(), y.data(), y.size());
    for (std::size_t r = 0; r < y.size(); ++r) mismatches += !(y[r] == product.y[r]);
    if (!std::isfinite(error)) check.errors.non_finite = true;
    if (error > worst) {
      worst = error;
      check.errors.worst_product = product_name(product);
      check.errors.activation_rms = product.activation_rms;
    }
    errors.push_back(error);
    rms.push_back(product.activation_rms);
  }
  check.errors.products_worst = worst;
  check.errors.products_median = report::median(errors);
  check.errors.activation_rms_median = report::median(rms);
  check.errors.mismatches = mismatches;
  check.products_equal = mismatches == 0;
  check.calls = calls_between(before, called_isas());
  check.prompt_tokens_per_s = 1.0 / multiplying_s;
  if (!with_logits) return check;

  const std::size_t vocab = session.weights().config.vocab;
  // What equals the naive logits does so at any position; how far off others are is told at the
  // prompt's end.
  const bool whole = !check.products_equal ||
                     multiplying_s * static_cast<double>(truth.prompt.size()) < kLongPromptS;
  const std::size_t n = whole ? truth.prompt.size() : std::min<std::size_t>(2, truth.prompt.size());
  std::vector<float> logits(vocab, std::numeric_limits<float>::quiet_NaN());
  const auto start = Clock::now();
  session.prefill(spec, n, logits.data());
  check.prompt_tokens_per_s = static_cast<double>(n) / seconds_since(start);
  const float* expected = truth.logits_at(n - 1, vocab);
  check.errors.logits = relative_l2(expected, logits.data(), vocab);
  if (whole) check.errors.digest = digest(logits.data(), vocab);
  check.errors.non_finite |= !std::isfinite(*check.errors.logits);
  check.logits_equal = std::memcmp(expected, logits.data(), vocab * sizeof(float)) == 0;
  return check;
}

const KernelCheck& KernelChecks::get(const CellSpec& spec, bool with_logits) {
  const auto it = checks_.find(spec.called());
  if (it != checks_.end() && (it->second.errors.logits || !with_logits)) return it->second;
  CellSpec widest = spec;
  widest.threads = session_->options().max_threads;
  widest.schedule = repaired_schedule();
  return checks_.insert_or_assign(spec.called(), check_kernel(*session_, widest, with_logits))
      .first->second;
}

bool equals_naive(Session& session, const std::vector<float>& logits, std::size_t tokens) {
  const std::size_t vocab = session.weights().config.vocab;
  const float* expected = session.truth().logits_at(tokens - 1, vocab);
  return logits.size() == vocab && std::memcmp(expected, logits.data(), vocab * sizeof(float)) == 0;
}

CellCheck check_cell(Session& session, const CellSpec& spec, std::size_t tokens) {
  const NaiveTruth& truth = session.truth();
  session.prepare(spec);
  const std::size_t vocab = session.weights().config.vocab;
  const std::size_t n = std::min(tokens, truth.prompt.size());
  std::vector<float> logits(vocab, std::numeric_limits<float>::quiet_NaN());
  CellCheck check;
  const auto start = Clock::now();
  if (spec.phase == Phase::kDecode) {
    session.decode(spec, n, logits.data());
  } else {
    session.prefill(spec, n, logits.data());
  }
  check.seconds = seconds_since(start);
  const float* expected = truth.logits_at(n - 1, vocab);
  check.error = relative_l2(expected, logits.data(), vocab);
  check.digest = digest(logits.data(), vocab);
  check.equal = std::memcmp(expected, logits.data(), vocab * sizeof(float)) == 0;
  return check;
}

}  // namespace ryz
