// Looks at every weight of a model, for `ryz-lab info`.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/catalogue.h"
#include "model/weights.h"
#include "reports/model_facts.h"

namespace ryz {

// How often each trit occurs.
struct TritCounts {
  std::uint64_t minus = 0, zero = 0, plus = 0;

  std::uint64_t all() const { return minus + zero + plus; }
  double zero_share() const;
  double entropy_bits() const;  // a weight; 0 for one value only, log2 3 at most
  void add(const TritCounts& other);
};

// Of all rows, counted by the team.
TritCounts count_trits(const TernaryTensor& tensor, Team& team);

// Everything but the bandwidth and the limits that follow from it.
report::ModelFacts model_facts(const Weights& weights, const Catalogue& catalogue, Team& team);

// Fills in limits: bandwidth over what a token reads, where that does not fit `cache_bytes`.
void add_limits(report::ModelFacts& facts, double gb_per_s, std::uint64_t cache_bytes);

}  // namespace ryz
