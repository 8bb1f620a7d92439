// Logits: the output head's rows times a token's final hidden state. Rows are read in the format
// in which they lie (f32, f16, bf16, Q8_0, tiles of Q6_K), split among the team in static blocks.
//
// Q6_K: the hidden state becomes int8 by blocks of 256 (scale = max/127). A block's product is an
// exact integer, Σ_s scales[s] · Σ_{i<16} q·x; block b adds d · scale · product to float sum b mod
// 4; the row's value is (s0 + s1) + (s2 + s3). The other formats become f32
// exactly; 16 sums of each sixteenth product are folded in halves, as in ops.h. So logits are the
// same bits on every instruction set.
#pragma once

#include <cstddef>

#include "kernels/buffer.h"
#include "kernels/schedule.h"
#include "model/head_table.h"
#include "model/weights.h"

namespace ryz {

// The hidden states of some tokens in the form that a head's format is multiplied with.
class HeadInput {
 public:
  // Not inside a Flow. `head.cols` must be a multiple of 256 for Q6_K, of 32 for the others; throws
  // std::invalid_argument for Q6_K that is not in tiles.
  void reserve(const RowTensor& head, std::size_t tokens);

  // Different tokens may be set by different workers.
  void set(std::size_t token, const float* hidden);

  const float* real(std::size_t token) const { return real_.as<float>() + token * cols_; }
  Q6kInput q6k(std::size_t token) const;

 private:
  RowFormat format_ = RowFormat::kF32;
  std::size_t cols_ = 0;
  std::size_t blocks_ = 0;
  Buffer real_;
  Buffer q_;
  Buffer offsets_;
  Buffer scales_;
};

// The code of a table for rows of a format; null for Q6_K, which has an input of its own.
RealRows real_rows_of(const HeadTable& table, RowFormat format);

// The rows of a head that one worker multiplies unless another is done first, and so touches first:
// whole cache lines of logits.
Chunk head_rows(const RowTensor& head, const Worker& worker);

// logits[t][r] = head row r · hidden state t for the first `tokens` tokens of the input.
void multiply_head(Flow& flow, const RowTensor& head, const HeadInput& input, std::size_t tokens,
                   float* logits);

}  // namespace ryz
