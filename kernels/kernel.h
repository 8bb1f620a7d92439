// A kernel: the code that multiplies one encoding on one instruction set. Plain data with function
// pointers; single-threaded, noexcept; it knows nothing of threads, clocks or models.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/encoding.h"
#include "kernels/isa.h"
#include "kernels/ternary.h"

namespace ryz {

struct Kernel {
  const char* name;          // the instruction set's name: "scalar", "avx2", "avx512-gather", ...
  const Encoding* encoding;  // what it reads
  IsaSet needs;              // kCompiledIsa of its file

  // Bytes of working table for a batch; null where the kernel reads the activations directly.
  // 64-byte aligned storage is handed to build and multiply.
  std::size_t (*table_bytes)(std::size_t cols, std::size_t tokens);

  // Fills the table's groups [begin, end) for every token; a team splits the ranges at multiples
  // of kBuildAlign groups. There are ceil(cols / encoding->group_cols) groups. Null with no table.
  void (*build)(const Activations& activations, GroupRange groups, void* table) noexcept;

  // out[t * out_stride + (r - rows.begin)] = Σ_k W[r][k] · q[t][k] for every token and row of the
  // range. `rows` starts at a multiple of encoding->row_tile; only the matrix's last range may end
  // ragged. Writes exactly those elements.
  void (*multiply)(const PackedView& weights, const Activations& activations, const void* table,
                   RowRange rows, std::int32_t* out, std::size_t out_stride) noexcept;

  // Tokens that multiply() is best given at a time, with as many rows as there are (it takes any
  // number of both); 0: it does not matter. Tables of more tokens are the blocks' tables one after
  // the other: those from token i · token_block on begin at table_bytes(cols, i · token_block).
  std::size_t token_block = 0;

  // Null, or what groups [begin, end) of columns give of one token's multiply(), out_stride aside,
  // without a table: it builds a block's (Encoding::block_bytes) just before the block's rows go
  // by, so that they never leave the L1 cache. For all rows there are: a team then shares out
  // columns. Each thread reads one piece of the matrix, where rows would be a piece of every block,
  // and builds its part of the tables, where for rows each would build all.
  void (*multiply_columns)(const PackedView& weights, const Activations& activations,
                           GroupRange groups, RowRange rows, std::int32_t* out) noexcept = nullptr;
};

// Group ranges handed to build() start at multiples of this.
inline constexpr std::size_t kBuildAlign = 64;

// Writes down that a kernel file's own code ran: every multiply() calls it once with the
// kCompiledIsa of the file it stands in. A counter at the call site would only repeat the request.
void tally_call(IsaSet compiled) noexcept;

}  // namespace ryz
