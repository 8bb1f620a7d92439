// A shift between the fast ends of two series. Other programs only ever slow a sample: what code
// reaches at its fastest comes again from run to run on a shared machine, where its median does
// not (Chen and Revels, arXiv:1608.04295, 2016, for the minimum of times). So that no lucky sample
// decides, each series is cut into six parts in the order it was taken; of each part the fastest
// sample counts, and of the parts the three fastest. Pure functions.
#pragma once

#include <cstddef>
#include <span>

#include "reports/rank_tests.h"

namespace ryz::report {

inline constexpr std::size_t kFewestForFastest = 24;  // values a side: four a part

// How far `fresh` lies above `base` at its fastest; values in the order taken, larger is faster.
// `estimate` is between the second fastest parts. `lo` and `hi` are the least and the largest
// difference between any two of the parts that count: `hi` below zero says that half of base's
// parts each reached what fresh never did. p, exact: so many values of one side beyond all of the
// other's, if every order were as likely. With fewer values a side than above: NaN with p = 1.
Shift fastest_shift(std::span<const double> base, std::span<const double> fresh);

}  // namespace ryz::report
