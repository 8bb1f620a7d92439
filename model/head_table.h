// One instruction set's code for rows of the output head: raw pointers only, since the files that
// fill this in are compiled for more than the baseline.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace ryz {

// A hidden state in int8, blocks of 256.
struct Q6kInput {
  const std::int8_t* q = nullptr;         // [blocks · 256]
  const std::int32_t* offsets = nullptr;  // [blocks · 16], -32 · Σ of 16 consecutive q
  const float* scales = nullptr;          // [blocks]
  std::size_t blocks = 0;
};

// The same on a hidden state in f32; `cols` is a multiple of 16, of 32 for Q8_0.
using RealRows = void (*)(const std::uint8_t* rows, std::size_t count, std::size_t cols,
                          const float* x, float* out);

struct HeadTable {
  IsaSet needs;
  // out[r] = row r · input for the 16 rows of a tile of model/q6k_tiles.h.
  void (*q6k_tile)(const std::uint8_t* tile, const Q6kInput* input, float* out);
  RealRows f32_rows;
  RealRows f16_rows;
  RealRows bf16_rows;
  RealRows q80_rows;
};

extern const HeadTable head_scalar;
extern const HeadTable head_avx2;
extern const HeadTable head_avx512;

// The best that runs here with the current mask.
const HeadTable& best_head_table();

}  // namespace ryz
