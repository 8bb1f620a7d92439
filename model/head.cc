#include "model/head.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/cpu.h"
#include "model/float16.h"
#include "model/q6k.h"
#include "model/quantize.h"

namespace ryz {
namespace {

void q6k_rows(const std::uint8_t* rows, std::size_t count, const Q6kInput* input, float* out) {
  for (std::size_t r = 0; r < count; ++r) {
    float sums[4] = {};
    for (std::size_t b = 0; b < input->blocks; ++b, rows += kQ6kBlockBytes) {
      std::int8_t quants[kQ6kBlock];
      q6k_quants(rows, quants);
      const std::int8_t* q = input->q + b * kQ6kBlock;
      std::int32_t product = 0;
      for (std::size_t s = 0; s < kQ6kBlock / kQ6kSubBlock; ++s) {
        std::int32_t sum = 0;
        for (std::size_t i = s * kQ6kSubBlock; i < (s + 1) * kQ6kSubBlock; ++i) {
          sum += quants[i] * q[i];
        }
        product += static_cast<std::int8_t>(rows[kQ6kScales + s]) * sum;
      }
      sums[b % 4] += q6k_scale(rows) * input->scales[b] * static_cast<float>(product);
    }
    out[r] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
}

float f32_at(const std::uint8_t* row, std::size_t k) {
  float value = 0.0F;
  std::memcpy(&value, row + 4 * k, 4);
  return value;
}
float f16_at(const std::uint8_t* row, std::size_t k) {
  std::uint16_t half = 0;
  std::memcpy(&half, row + 2 * k, 2);
  return half_to_float(half);
}
float bf16_at(const std::uint8_t* row, std::size_t k) {
  std::uint16_t upper = 0;
  std::memcpy(&upper, row + 2 * k, 2);
  return std::bit_cast<float>(static_cast<std::uint32_t>(upper) << 16);
}
float q80_at(const std::uint8_t* row, std::size_t k) {
  const std::uint8_t* const block = row + k / kQ80Block * kQ80BlockBytes;
  return f16_at(block, 0) * static_cast<float>(static_cast<std::int8_t>(block[2 + k % kQ80Block]));
}

template <RowFormat kFormat, float (*kAt)(const std::uint8_t*, std::size_t)>
void real_rows(const std::uint8_t* rows, std::size_t count, std::size_t cols, const float* x,
               float* out) {
  constexpr std::size_t kPart = 16;
  const std::size_t stride = RowTensor{nullptr, 1, cols, kFormat}.row_bytes();
  for (std::size_t r = 0; r < count; ++r, rows += stride) {
    float sums[kPart] = {};
    for (std::size_t k = 0; k < cols; k += kPart) {
      for (std::size_t i = 0; i < kPart; ++i) sums[i] += kAt(rows, k + i) * x[k + i];
    }
    for (std::size_t n = kPart / 2; n > 0; n /= 2) {
      for (std::size_t i = 0; i < n; ++i) sums[i] += sums[i + n];
    }
    out[r] = sums[0];
  }
}

// Rows that stay in the first-level cache while every token passes over them.
constexpr std::size_t kRowBlock = 16;

}  // namespace

constinit const HeadTable head_scalar{.needs = {},
                                      .q6k_rows = q6k_rows,
                                      .f32_rows = real_rows<RowFormat::kF32, f32_at>,
                                      .f16_rows = real_rows<RowFormat::kF16, f16_at>,
                                      .bf16_rows = real_rows<RowFormat::kBF16, bf16_at>,
                                      .q80_rows = real_rows<RowFormat::kQ80, q80_at>};

RealRows real_rows_of(const HeadTable& table, RowFormat format) {
  switch (format) {
    case RowFormat::kF32:
      return table.f32_rows;
    case RowFormat::kF16:
      return table.f16_rows;
    case RowFormat::kBF16:
      return table.bf16_rows;
    case RowFormat::kQ80:
      return table.q80_rows;
    case RowFormat::kQ6K:
      return nullptr;
  }
  return nullptr;
}

const HeadTable& best_head_table() {
  const IsaSet usable = usable_isa();
  if (contains(usable, head_avx512.needs)) return head_avx512;
  if (contains(usable, head_avx2.needs)) return head_avx2;
  return head_scalar;
}

void HeadInput::reserve(const RowTensor& head, std::size_t tokens) {
  format_ = head.format;
  cols_ = head.cols;
  const auto grow = [](Buffer& buffer, std::size_t bytes) {
    if (buffer.size() < bytes) buffer = Buffer(bytes);
  };
  if (format_ != RowFormat::kQ6K) {
    grow(real_, tokens * cols_ * sizeof(float));
    return;
  }
  blocks_ = cols_ / kQ6kBlock;
  grow(q_, tokens * cols_);
  grow(sixteens_, tokens * cols_ / 16 * sizeof(std::int16_t));
  grow(scales_, tokens * ((blocks_ + 3) / 4 * 4) * sizeof(float));
}

Q6kInput HeadInput::q6k(std::size_t token) const {
  return {q_.as<std::int8_t>() + token * cols_, sixteens_.as<std::int16_t>() + token * (cols_ / 16),
          scales_.as<float>() + token * ((blocks_ + 3) / 4 * 4), blocks_};
}

void HeadInput::set(std::size_t token, const float* hidden) {
  if (format_ != RowFormat::kQ6K) {
    std::copy_n(hidden, cols_, real_.as<float>() + token * cols_);
    return;
  }
  auto* const q = q_.as<std::int8_t>() + token * cols_;
  auto* const sixteens = sixteens_.as<std::int16_t>() + token * (cols_ / 16);
  auto* const scales = scales_.as<float>() + token * ((blocks_ + 3) / 4 * 4);
  std::fill_n(scales, (blocks_ + 3) / 4 * 4, 0.0F);
  for (std::size_t b = 0; b < blocks_; ++b) {
    const float max = max_magnitude(hidden + b * kQ6kBlock, kQ6kBlock);
    // A block of zeros, or so small that 127/max overflows: its product is nothing.
    const float factor = max > 1e-30F ? 127.0F / max : 0.0F;
    scales[b] = max / 127.0F;
    round_to_int8(hidden + b * kQ6kBlock, factor, kQ6kBlock, q + b * kQ6kBlock);
  }
  for (std::size_t i = 0; i < cols_ / 16; ++i) {
    int sum = 0;
    for (std::size_t j = 0; j < 16; ++j) sum += q[16 * i + j];
    sixteens[i] = static_cast<std::int16_t>(sum);
  }
}

Chunk head_rows(const RowTensor& head, const Worker& worker) {
  const std::size_t units = (head.rows + kRowBlock - 1) / kRowBlock;
  return {std::min(head.rows, units * worker.index() / worker.count() * kRowBlock),
          std::min(head.rows, units * (worker.index() + 1) / worker.count() * kRowBlock)};
}

void multiply_head(Flow& flow, const RowTensor& head, const HeadInput& input, std::size_t tokens,
                   float* logits) {
  const HeadTable& table = best_head_table();
  const RealRows real_rows = real_rows_of(table, head.format);
  const std::size_t row_bytes = head.row_bytes();
  const auto multiply = [&](std::size_t r, std::size_t count) {
    const std::uint8_t* rows = head.data + r * row_bytes;
    for (std::size_t t = 0; t < tokens; ++t) {
      float* out = logits + t * head.rows + r;
      if (real_rows != nullptr) {
        real_rows(rows, count, head.cols, input.real(t), out);
      } else {
        const Q6kInput token = input.q6k(t);
        table.q6k_rows(rows, count, &token, out);
      }
    }
  };
  // Threads do not get equal shares of the memory's bandwidth: with static blocks the faster one
  // waited at the end.
  constexpr LoopSpec kBlocks{LoopKind::kStealing, 4};
  flow.step([&](Worker& worker) {
    worker.loop((head.rows + kRowBlock - 1) / kRowBlock, kBlocks,
                [&](std::size_t begin, std::size_t end) {
                  for (std::size_t i = begin; i < end; ++i) {
                    const std::size_t r = i * kRowBlock;
                    multiply(r, std::min(kRowBlock, head.rows - r));
                  }
                });
  });
}

}  // namespace ryz
