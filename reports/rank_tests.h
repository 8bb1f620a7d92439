// Two-sample and paired tests of a shift, and what many of them together prove. Exact for the
// handful of rounds a benchmark has: no normal approximation where n is 8. Pure functions.
//
// Effects are Hodges-Lehmann estimates (1963): the median of all pairwise differences, or of all
// pairwise averages where the data are pairs. They move little for a few disturbed rounds and use
// the rest better than a difference of medians does. Their intervals invert the rank tests, so
// that interval and p agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ryz::report {

struct Shift {
  double estimate = 0.0;
  double lo = 0.0, hi = 0.0;  // at least 95 %, where so few values can give that; else their range
  double p = 1.0;             // two-sided: of a shift this large or larger if there were none
  std::size_t n_base = 0, n_fresh = 0;  // of pairs, both are their number
};

// How far `fresh` lies above `base`; p of the Mann-Whitney test, exact (and with ties, conditional
// on them) up to 80 values together, by the normal approximation beyond. Where one side is empty
// or a value is not finite: NaN with p = 1.
Shift two_sample_shift(std::span<const double> base, std::span<const double> fresh);

// How far the pairs' differences lie above zero; p of the sign-flip permutation test of their sum,
// exact up to 20 pairs, by 2^17 seeded flips beyond.
Shift paired_shift(std::span<const double> differences, std::uint64_t seed = 42);

// The smallest p that so many values can give: what no data can beat.
double least_two_sample_p(std::size_t n_base, std::size_t n_fresh);
double least_paired_p(std::size_t n);

// Benjamini-Hochberg (1995): p values adjusted so that calling all below alpha keeps the expected
// share of false ones among them below alpha. Holm (1979): ... the chance of any false one.
enum class Adjust : std::uint8_t { kBenjaminiHochberg, kHolm, kNone };
std::vector<double> adjusted(std::span<const double> p, Adjust method);

// The fewest rounds a side with which one bad cell among `cells` can survive adjustment at alpha.
std::size_t rounds_needed(std::size_t cells, double alpha, Adjust method);
std::size_t pairs_needed(std::size_t cells, double alpha, Adjust method);

}  // namespace ryz::report
