#include "model/head.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "kernels/cpu.h"
#include "model/float16.h"
#include "model/q6k.h"
#include "model/q6k_tiles.h"
#include "model/quantize.h"

namespace ryz {
namespace {

void q6k_tile(const std::uint8_t* tile, const Q6kInput* input, float* out) {
  const std::uint8_t* at = tile + q6k_tile_head_bytes(input->blocks);
  float sums[4][kQ6kTileRows] = {};
  for (std::size_t b = 0; b < input->blocks; ++b) {
    std::int32_t products[kQ6kTileRows] = {};
    for (std::size_t s = 0; s < kQ6kBlock / kQ6kStepCols; ++s) {
      if (s % kQ6kSteps == 0 && s != 0) at += kQ6kQuarterBytes;
      const std::uint8_t* const scales = at + s % kQ6kSteps * kQ6kTileRows;
      const std::uint8_t* codes = at + kQ6kSteps * kQ6kTileRows + s % kQ6kSteps * kQ6kStepBytes;
      const std::int8_t* const q = input->q + b * kQ6kBlock + s * kQ6kStepCols;
      for (std::size_t r = 0; r < kQ6kTileRows; ++r, codes += 4) {
        std::int32_t sum = input->offsets[b * (kQ6kBlock / kQ6kStepCols) + s];
        for (std::size_t i = 0; i < 4; ++i) {
          const int v[3] = {codes[i], codes[64 + i], codes[128 + i]};
          for (std::size_t j = 0; j < 3; ++j) sum += (v[j] & 63) * q[4 * j + i];
          sum += (v[0] >> 6 | v[1] >> 6 << 2 | v[2] >> 6 << 4) * q[12 + i];
        }
        products[r] += static_cast<std::int8_t>(scales[r]) * sum;
      }
    }
    at += kQ6kQuarterBytes;
    for (std::size_t r = 0; r < kQ6kTileRows; ++r) {
      std::uint16_t d = 0;
      std::memcpy(&d, tile + b * kQ6kTileDBytes + 2 * r, sizeof d);
      sums[b % 4][r] += half_to_float(d) * input->scales[b] * static_cast<float>(products[r]);
    }
  }
  for (std::size_t r = 0; r < kQ6kTileRows; ++r) {
    out[r] = (sums[0][r] + sums[1][r]) + (sums[2][r] + sums[3][r]);
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
constexpr std::size_t kRowBlock = kQ6kTileRows;

}  // namespace

constinit const HeadTable head_scalar{.needs = {},
                                      .q6k_tile = q6k_tile,
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
  if (head.layout != RowLayout::kTiles) {
    throw std::invalid_argument("a head in Q6_K is multiplied in tiles");
  }
  blocks_ = cols_ / kQ6kBlock;
  grow(q_, tokens * cols_);
  grow(offsets_, tokens * (cols_ / kQ6kStepCols) * sizeof(std::int32_t));
  grow(scales_, tokens * blocks_ * sizeof(float));
}

Q6kInput HeadInput::q6k(std::size_t token) const {
  return {q_.as<std::int8_t>() + token * cols_,
          offsets_.as<std::int32_t>() + token * (cols_ / kQ6kStepCols),
          scales_.as<float>() + token * blocks_, blocks_};
}

void HeadInput::set(std::size_t token, const float* hidden) {
  if (format_ != RowFormat::kQ6K) {
    std::copy_n(hidden, cols_, real_.as<float>() + token * cols_);
    return;
  }
  auto* const q = q_.as<std::int8_t>() + token * cols_;
  auto* const offsets = offsets_.as<std::int32_t>() + token * (cols_ / kQ6kStepCols);
  auto* const scales = scales_.as<float>() + token * blocks_;
  for (std::size_t b = 0; b < blocks_; ++b) {
    const float max = max_magnitude(hidden + b * kQ6kBlock, kQ6kBlock);
    // A block of zeros, or so small that 127/max overflows: its product is nothing.
    const float factor = max > 1e-30F ? 127.0F / max : 0.0F;
    scales[b] = max / 127.0F;
    round_to_int8(hidden + b * kQ6kBlock, factor, kQ6kBlock, q + b * kQ6kBlock);
  }
  for (std::size_t i = 0; i < cols_ / kQ6kStepCols; ++i) {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < kQ6kStepCols; ++j) sum += q[kQ6kStepCols * i + j];
    offsets[i] = -32 * sum;
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
  const std::size_t block_bytes =
      real_rows != nullptr ? kRowBlock * head.row_bytes() : q6k_tile_bytes(head.cols / kQ6kBlock);
  const auto multiply = [&](std::size_t block) {
    const std::uint8_t* const rows = head.data + block * block_bytes;
    const std::size_t first = block * kRowBlock;
    const std::size_t count = std::min(kRowBlock, head.rows - first);
    for (std::size_t t = 0; t < tokens; ++t) {
      float* const out = logits + t * head.rows + first;
      if (real_rows != nullptr) {
        real_rows(rows, count, head.cols, input.real(t), out);
        continue;
      }
      const Q6kInput token = input.q6k(t);
      float sixteen[kQ6kTileRows];
      table.q6k_tile(rows, &token, sixteen);
      std::copy_n(sixteen, count, out);
    }
  };
  // Threads do not get equal shares of the memory's bandwidth: with static blocks the faster one
  // waited at the end.
  constexpr LoopSpec kBlocks{LoopKind::kStealing, 4};
  flow.step([&](Worker& worker) {
    worker.loop((head.rows + kRowBlock - 1) / kRowBlock, kBlocks,
                [&](std::size_t begin, std::size_t end) {
                  for (std::size_t i = begin; i < end; ++i) multiply(i);
                });
  });
}

}  // namespace ryz
