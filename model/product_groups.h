// Products that share their activations run in one parallel loop: q, k, v; out; gate, up; down.
// Its iterations are the row tiles of the group's matrices, one matrix after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "model/weights.h"

namespace ryz {

struct SiteGroup {
  std::size_t first = 0;
  std::size_t count = 0;
};
inline constexpr SiteGroup kQkvGroup{0, 3};
inline constexpr SiteGroup kOutGroup{3, 1};
inline constexpr SiteGroup kGateUpGroup{4, 2};
inline constexpr SiteGroup kDownGroup{6, 1};
inline constexpr SiteGroup kSiteGroups[] = {kQkvGroup, kOutGroup, kGateUpGroup, kDownGroup};

inline std::size_t tiles_of(const TernaryTensor& tensor, std::size_t row_tile) {
  return (tensor.rows + row_tile - 1) / row_tile;
}

// Floats on a cache line: results of different threads shall not share one.
inline constexpr std::size_t kLineFloats = 16;

// The multiple of iterations at which static blocks may be cut so that each covers whole lines.
inline std::size_t line_align(std::size_t row_tile) {
  return std::lcm(kLineFloats, row_tile) / row_tile;
}

// Calls part(index, begin, end) for what iterations [begin, end) cover of each of `count` matrices
// that have tiles(index) iterations.
template <class Tiles, class Part>
void for_each_part(std::size_t count, std::size_t begin, std::size_t end, Tiles tiles, Part part) {
  std::size_t base = 0;
  for (std::size_t i = 0; i < count && base < end; ++i) {
    const std::size_t n = tiles(i);
    const std::size_t from = std::max(begin, base);
    const std::size_t to = std::min(end, base + n);
    if (from < to) part(i, from - base, to - base);
    base += n;
  }
}

}  // namespace ryz
