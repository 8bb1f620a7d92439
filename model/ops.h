// The transformer's operations on real numbers. Each has one order of summation, whatever the
// instruction set or the number of threads: 16 partial sums, element i in sum i mod 16, combined
// as a tree (s, s+8), (s, s+4), (s, s+2), (s, s+1); multiplication and addition round separately.
// So logits are the same bits on every CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

// y = x / √(mean(x²) + eps) · weight. y may be x.
void rms_norm(const float* x, const float* weight, std::size_t n, float eps, float* y);

// √(mean(x²)), in double.
double rms(const float* x, std::size_t n);

// Rotates the pairs (x[i], x[i + n/2]) of a head of width n by the angles whose cosines and sines
// are given (n/2 each): the half-split pairing.
void rope(float* x, const float* cosines, const float* sines, std::size_t n);

// x = e^(x - max x) / Σ, in place; n > 0.
void softmax(float* x, std::size_t n);

// One head of one token over the cached positions [0, positions):
// out = Σ_p softmax_p(q·k[p] / √width) · v[p]. k and v are [positions][width]; `scores` is working
// memory for `positions` floats. out may be q.
void attention(const float* q, const float* k, const float* v, std::size_t positions,
               std::size_t width, float* scores, float* out);

// The same, bit for bit, for four queries that share the reading of keys and values: query i, at
// q + i · stride, looks at positions + i · later and is replaced by its result. One head of four
// consecutive tokens: later = 1; four heads of one token (grouped-query attention): later = 0.
// `scores` has four rows, scores_stride apart, of positions + 3 · later floats or more.
void four_attentions(float* q, std::size_t stride, const float* k, const float* v,
                     std::size_t positions, std::size_t later, std::size_t width, float* scores,
                     std::size_t scores_stride);

// y = max(gate, 0)² · up, and y = gate / (1 + e^-gate) · up. y may be gate or up.
void squared_relu_gate(const float* gate, const float* up, std::size_t n, float* y);
void silu_gate(const float* gate, const float* up, std::size_t n, float* y);

// x += y.
void add(float* x, const float* y, std::size_t n);

// y = x · factor.
void scale(const std::int32_t* x, float factor, std::size_t n, float* y);

float dot(const float* a, const float* b, std::size_t n);

}  // namespace ryz
