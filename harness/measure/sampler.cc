#include "harness/measure/sampler.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "harness/measure/disturbance.h"
#include "kernels/tally.h"

namespace ryz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMostAgain = 2;
// A sample of fewer tokens would spend too much of its time warming up.
constexpr std::size_t kWarmUpFrom = 8;

}  // namespace

Sampler::Sampler(Session& session)
    : session_(session), counters_(process_counters()), logits_(session.weights().config.vocab) {}

void Sampler::run(const SampledCell& cell, std::size_t tokens) {
  if (cell.spec.phase == Phase::kDecode) {
    session_.decode(cell.spec, tokens, logits_.data());
  } else {
    session_.prefill(cell.spec, tokens, logits_.data());
  }
}

report::Sample Sampler::sample(SampledCell& cell, unsigned round, unsigned order) {
  session_.prepare(cell.spec);
  Team& team = session_.team(cell.spec);
  const ReferenceTimes reference = session_.reference_work().measure(team);
  if (cell.tokens * cell.repeats >= kWarmUpFrom) run(cell, 1);
  // Poisoned, so that logits nobody writes cannot pass by what lay there before.
  std::fill(logits_.begin(), logits_.end(), std::numeric_limits<float>::quiet_NaN());
  const auto counts_before = counters_.read();
  const auto calls_before = called_isas();
  const DisturbanceMeter meter(team);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < cell.repeats; ++i) run(cell, cell.tokens);
  const auto stop = Clock::now();
  report::Sample sample{
      round, order, cell.tokens * cell.repeats,
      static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(stop - start).count())};
  meter.finish(team, sample);
  for (const auto& [bits, calls] : calls_between(calls_before, called_isas())) {
    cell.calls[bits] += calls;
  }
  add_counts(counts_before, counters_.read(), cell.counts, cell.counts_running_ratio);
  cell.counted_tokens += sample.tokens;
  sample.reference_compute_ns = reference.compute_ns;
  sample.reference_memory_ns = reference.memory_ns;
  return sample;
}

std::vector<report::Sample> Sampler::visit(SampledCell& cell, unsigned round, unsigned order,
                                           bool allow_again) {
  std::vector<report::Sample> samples{sample(cell, round, order)};
  for (unsigned i = 0; allow_again && i < kMostAgain && !samples.back().disturbed.empty(); ++i) {
    samples.push_back(sample(cell, round, order));
  }
  return samples;
}

}  // namespace ryz
