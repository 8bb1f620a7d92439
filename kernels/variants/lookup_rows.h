// The loop that every table kernel of row-major codes shares: rows four at a time, columns in
// stages whose tables fit the L1 cache, stages of a few rows' codes that fit the L2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"
#include "kernels/ternary.h"

namespace ryz {
namespace {

// Lookups:
//   Sum                            partial sums of one row
//   Entry, kBlockEntries           the table's element, and how many of them a block has
//   kBlockBytes                    bytes of codes of a block
//   kStageBlocks                   blocks whose tables fit the L1 cache
//   Sum zero()
//   void add(const std::uint8_t* codes, const Entry* table, Sum&)    one block of one row
//   void store(std::int32_t* out, bool first, Sum, Sum, Sum, Sum)    out[0..3] = or += the sums
//   void store(std::int32_t* out, bool first, Sum)
template <class Lookups>
inline void lookup_stage(const Lookups& lookups, const std::uint8_t* codes, std::size_t row_bytes,
                         std::size_t rows, std::size_t blocks, const typename Lookups::Entry* table,
                         bool first, std::int32_t* out) {
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const std::uint8_t* c = codes + r * row_bytes;
    typename Lookups::Sum s0 = lookups.zero();
    typename Lookups::Sum s1 = lookups.zero();
    typename Lookups::Sum s2 = lookups.zero();
    typename Lookups::Sum s3 = lookups.zero();
    const typename Lookups::Entry* block_table = table;
    for (std::size_t b = 0; b < blocks; ++b) {
      lookups.add(c, block_table, s0);
      lookups.add(c + row_bytes, block_table, s1);
      lookups.add(c + 2 * row_bytes, block_table, s2);
      lookups.add(c + 3 * row_bytes, block_table, s3);
      c += Lookups::kBlockBytes;
      block_table += Lookups::kBlockEntries;
    }
    lookups.store(out + r, first, s0, s1, s2, s3);
  }
  for (; r < rows; ++r) {
    typename Lookups::Sum sum = lookups.zero();
    for (std::size_t b = 0; b < blocks; ++b) {
      lookups.add(codes + r * row_bytes + b * Lookups::kBlockBytes,
                  table + b * Lookups::kBlockEntries, sum);
    }
    lookups.store(out + r, first, sum);
  }
}

template <class Lookups>
void lookup_rows(const Lookups& lookups, const PackedView& weights, std::size_t tokens,
                 const typename Lookups::Entry* table, RowRange rows, std::int32_t* out,
                 std::size_t out_stride) {
  constexpr std::size_t kRows = 128;
  const std::size_t blocks = weights.tile_bytes / Lookups::kBlockBytes;
  for (std::size_t begin = rows.begin; begin < rows.end; begin += kRows) {
    const std::size_t count = rows.end - begin < kRows ? rows.end - begin : kRows;
    const std::uint8_t* codes = weights.data + begin * weights.tile_bytes;
    for (std::size_t t = 0; t < tokens; ++t) {
      const typename Lookups::Entry* token_table = table + t * blocks * Lookups::kBlockEntries;
      std::int32_t* y = out + t * out_stride + (begin - rows.begin);
      for (std::size_t b = 0; b < blocks; b += Lookups::kStageBlocks) {
        const std::size_t n =
            blocks - b < Lookups::kStageBlocks ? blocks - b : Lookups::kStageBlocks;
        lookup_stage(lookups, codes + b * Lookups::kBlockBytes, weights.tile_bytes, count, n,
                     token_table + b * Lookups::kBlockEntries, b == 0, y);
      }
    }
  }
}

}  // namespace
}  // namespace ryz
