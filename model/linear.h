// A ternary linear layer: quantized activations in, real values out, by any kernel and schedule,
// or by the naive product on the source weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/kernel.h"
#include "kernels/schedule.h"
#include "model/weights.h"

namespace ryz {

// What a run asks for and what is executed. They differ only where a fault was put in to see a
// diagnosis fire: the engine this lab descends from asked for AVX-512 and called scalar code.
struct Combination {
  const Kernel* requested = nullptr;  // null: the naive product, read from the source weights
  const Kernel* executed = nullptr;   // same encoding as requested
  Schedule schedule;
};

struct TokenRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The int8 activations of a batch with what kernels need beside them; reused between layers.
// q = round(x · 127 / max|x|) per token, ties to even, so x ≈ q · scale.
class QuantizedBatch {
 public:
  void resize(std::size_t tokens, std::size_t cols);

  // Quantizes one token's row; different tokens may be quantized by different workers.
  void quantize(std::size_t token, const float* x);

  // Takes a row as it was quantized elsewhere: `cols` values and their scale.
  void assign(std::size_t token, const std::int8_t* q, float scale);

  Activations view() const { return view({0, tokens_}); }
  Activations view(TokenRange tokens) const;
  const float* scales() const { return scales_.data(); }
  std::size_t tokens() const { return tokens_; }
  std::size_t cols() const { return cols_; }
  std::int8_t* row(std::size_t token);

  // Makes room for the tables that `kernel` needs at a time on this batch. Not inside a Flow.
  void reserve_table(const Kernel& kernel);
  void* table() { return table_.data(); }
  const void* table() const { return table_.data(); }

 private:
  std::size_t tokens_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
  Buffer q_;
  Buffer table_;
  std::vector<std::int32_t> sums_;
  std::vector<float> scales_;
};

// The matrices that one product step multiplies: q, k and v share their activations and one loop.
struct Product {
  const TernaryTensor* source = nullptr;
  PackedTiles packed;  // no matrix for the naive product; else of the products of a step the same
                       // one, in which their tiles follow each other
  float* y = nullptr;  // [tokens][rows], results
};

// y[t][r] = weight scale · activation scale[t] · Σ_k W[r][k]·q[t][k] for each product, on the
// combination's schedule: its iterations are the row tiles of the encoding, products one after
// the other, for one of the kernel's blocks of tokens after the other. With OutputScale::kUnit the
// activation scale is left out. The team builds the tables of a kernel first, for as many tokens as
// fit a last-level cache. Static blocks of one token, by a kernel that can, are blocks of columns:
// iterations are its groups, and workers' sums are added up afterwards.
class LinearRunner {
 public:
  // Reserves what a batch of `tokens` with products of up to `max_rows` rows (those of one call
  // together) in tiles of up to `row_tile` needs. Not inside a Flow.
  void reserve(std::size_t tokens, std::size_t max_rows, std::size_t row_tile = 256);
  // At most kSites products; reserve_table() came first, outside the flow.
  void multiply(Flow& flow, const Combination& combination, QuantizedBatch& batch,
                const Product* products, std::size_t count);

 private:
  struct Plan;
  struct Part;
  void multiply_part(Flow& flow, const Combination& combination, const QuantizedBatch& batch,
                     TokenRange part, const Product* products, std::size_t count);
  Part part_of(const Plan& plan, std::size_t i, std::size_t base, std::size_t begin,
               std::size_t end, std::size_t first_token);
  static void store_floats(const Part& part, std::size_t begin, std::size_t end, std::size_t tokens,
                           const std::int32_t* sums, std::size_t stride,
                           const float* activation_scales);
  void run_chunk(Worker& worker, const Plan& plan, std::size_t begin, std::size_t end);
  void run_tiles(Worker& worker, const Plan& plan, TokenRange range, std::size_t begin,
                 std::size_t end);
  void gather(const Plan& plan, std::size_t begin, std::size_t end) const;

  void multiply_columns(Flow& flow, const Kernel& kernel, const QuantizedBatch& batch,
                        const Product* products, std::size_t count);

  Buffer blocks_;  // line-aligned results of small chunks before they are gathered
  Buffer ends_;    // where a chunk that began at some row ends, for chunks of unknown length
  std::array<std::int32_t*, kMostThreads> partial_sums_{};  // each worker's, of its columns
};

}  // namespace ryz
