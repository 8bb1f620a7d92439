// Rows of real numbers in the formats that embeddings and heads lie in, and where matrices are.
#include <bit>
#include <cstring>

#include "model/float16.h"
#include "model/q6k.h"
#include "model/q6k_tiles.h"
#include "model/weights.h"

namespace ryz {
namespace {

void q6k_block(const std::uint8_t* block, float* out) {
  std::uint8_t codes[kQ6kBlock];
  q6k_codes(block, codes);
  const float d = q6k_scale(block);
  for (std::size_t k = 0; k < kQ6kBlock; ++k) {
    const auto sub_scale = static_cast<std::int8_t>(block[kQ6kScales + k / kQ6kSubBlock]);
    out[k] = d * static_cast<float>(sub_scale * (codes[k] - 32));
  }
}

}  // namespace

const char* site_name(Site site) {
  constexpr const char* kNames[kSites] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                          "ffn_gate", "ffn_up", "ffn_down"};
  return kNames[static_cast<std::size_t>(site)];
}

SiteShape site_shape(const Config& config, Site site) {
  switch (site) {
    case Site::kQ:
    case Site::kOut:
      return {config.embd, config.embd};
    case Site::kK:
    case Site::kV:
      return {config.kv_width(), config.embd};
    case Site::kGate:
    case Site::kUp:
      return {config.ffn, config.embd};
    case Site::kDown:
      return {config.embd, config.ffn};
  }
  return {};
}

const char* row_format_name(RowFormat format) {
  switch (format) {
    case RowFormat::kF32:
      return "f32";
    case RowFormat::kF16:
      return "f16";
    case RowFormat::kBF16:
      return "bf16";
    case RowFormat::kQ80:
      return "q8_0";
    case RowFormat::kQ6K:
      return "q6_k";
  }
  return "?";
}

std::size_t RowTensor::row_bytes() const {
  switch (format) {
    case RowFormat::kF32:
      return cols * 4;
    case RowFormat::kF16:
    case RowFormat::kBF16:
      return cols * 2;
    case RowFormat::kQ80:
      return cols / kQ80Block * kQ80BlockBytes;
    case RowFormat::kQ6K:
      return cols / kQ6kBlock * kQ6kBlockBytes;
  }
  return 0;
}

std::size_t RowTensor::bytes() const {
  if (layout == RowLayout::kRows) return rows * row_bytes();
  return (rows + kQ6kTileRows - 1) / kQ6kTileRows * q6k_tile_bytes(cols / kQ6kBlock);
}

void RowTensor::copy_row(std::size_t row, std::uint8_t* out) const {
  if (layout == RowLayout::kRows) {
    std::memcpy(out, data + row * row_bytes(), row_bytes());
    return;
  }
  const std::size_t blocks = cols / kQ6kBlock;
  const std::uint8_t* const tile = data + row / kQ6kTileRows * q6k_tile_bytes(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    q6k_unpack_block(tile, blocks, row % kQ6kTileRows, b, out + b * kQ6kBlockBytes);
  }
}

void RowTensor::read_row(std::size_t row, float* out) const {
  if (layout == RowLayout::kTiles) {
    const std::size_t blocks = cols / kQ6kBlock;
    const std::uint8_t* const tile = data + row / kQ6kTileRows * q6k_tile_bytes(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
      std::uint8_t block[kQ6kBlockBytes];
      q6k_unpack_block(tile, blocks, row % kQ6kTileRows, b, block);
      q6k_block(block, out + b * kQ6kBlock);
    }
    return;
  }
  const std::uint8_t* bytes = data + row * row_bytes();
  switch (format) {
    case RowFormat::kF32:
      std::memcpy(out, bytes, cols * 4);
      return;
    case RowFormat::kF16:
      for (std::size_t k = 0; k < cols; ++k) {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes + 2 * k, 2);
        out[k] = half_to_float(half);
      }
      return;
    case RowFormat::kBF16:
      for (std::size_t k = 0; k < cols; ++k) {
        std::uint16_t upper = 0;
        std::memcpy(&upper, bytes + 2 * k, 2);
        out[k] = std::bit_cast<float>(static_cast<std::uint32_t>(upper) << 16);
      }
      return;
    case RowFormat::kQ80:
      for (std::size_t k = 0; k < cols; k += kQ80Block, bytes += kQ80BlockBytes) {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes, 2);
        const float d = half_to_float(half);
        for (std::size_t i = 0; i < kQ80Block; ++i) {
          out[k + i] = d * static_cast<float>(static_cast<std::int8_t>(bytes[2 + i]));
        }
      }
      return;
    case RowFormat::kQ6K:
      for (std::size_t b = 0; b < cols / kQ6kBlock; ++b) {
        q6k_block(bytes + b * kQ6kBlockBytes, out + b * kQ6kBlock);
      }
      return;
  }
}

}  // namespace ryz
