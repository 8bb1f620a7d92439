// Logits: the output head's rows times a token's final hidden state. Rows are read in the format
// in which they lie (f32, f16, Q6_K), split among the team in static blocks.
//
// Q6_K: the hidden state becomes int8 by blocks of 256 (scale = max/127). A block's product is an
// exact integer, Σ_s scales[s] · Σ_{i<16} q·x; block b adds d · scale · product to float sum b mod
// 4; the row's value is (s0 + s1) + (s2 + s3). F16 and F32: the sums of ops.h. So logits are the
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
  // Not inside a Flow. `head.cols` must be a multiple of 256 for Q6_K, of 16 for the others.
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
  Buffer fours_;
  Buffer sixteens_;
  Buffer scales_;
};

// The rows of a head that one worker multiplies: whole cache lines of logits.
Chunk head_rows(const RowTensor& head, const Worker& worker);

// logits[t][r] = head row r · hidden state t for the first `tokens` tokens of the input.
void multiply_head(Flow& flow, const RowTensor& head, const HeadInput& input, std::size_t tokens,
                   float* logits);

}  // namespace ryz
