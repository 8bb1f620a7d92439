// One visit to one cell: the fixed work, a token to warm up, the timed sample, and again where
// something disturbed it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "harness/measure/perf_counters.h"
#include "harness/measure/session.h"
#include "reports/report.h"

namespace ryz {

// What a sample of a cell runs, how much of it, and what is gathered beside its times.
struct SampledCell {
  CellSpec spec;                                 // as it is executed
  std::size_t tokens = 0;                        // of one sample
  std::size_t repeats = 1;                       // whole batches of so many tokens in one sample
  std::map<std::uint32_t, std::uint64_t> calls;  // by the ISA of the code that ran
  std::map<std::string, double> counts;          // perf events of all samples
  std::optional<double> counts_running_ratio;
  std::uint64_t counted_tokens = 0;
};

class Sampler {
 public:
  explicit Sampler(Session& session);

  // The first sample of the visit, and up to two more while each was disturbed and `allow_again`
  // agrees. All are kept; the last is the one to use where it is undisturbed.
  std::vector<report::Sample> visit(SampledCell& cell, unsigned round, unsigned order,
                                    bool allow_again);

  // Of the last token that was run.
  const std::vector<float>& logits() const { return logits_; }

 private:
  report::Sample sample(SampledCell& cell, unsigned round, unsigned order);
  void run(const SampledCell& cell, std::size_t tokens);

  Session& session_;
  const PerfCounters& counters_;
  std::vector<float> logits_;
};

}  // namespace ryz
