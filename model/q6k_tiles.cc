#include "model/q6k_tiles.h"

#include <algorithm>
#include <cstring>

#include "model/q6k.h"

namespace ryz {
namespace {

constexpr std::size_t kLine = 64;

std::uint32_t load_four(const std::uint8_t* p) {
  std::uint32_t four = 0;
  std::memcpy(&four, p, sizeof four);
  return four;
}
void store_four(std::uint32_t four, std::uint8_t* p) { std::memcpy(p, &four, sizeof four); }

// Where a block's step s lies, s < 16.
struct Step {
  std::size_t scales;  // of all rows
  std::size_t codes;   // of row 0
};
Step step_of(std::size_t blocks, std::size_t b, std::size_t s) {
  const std::size_t quarter =
      q6k_tile_head_bytes(blocks) + (b * kQ6kQuarters + s / kQ6kSteps) * kQ6kQuarterBytes;
  return {quarter + s % kQ6kSteps * kQ6kTileRows,
          quarter + kQ6kSteps * kQ6kTileRows + s % kQ6kSteps * kQ6kStepBytes};
}

void pack_tile(const std::uint8_t* rows, std::size_t count, std::size_t blocks,
               std::uint8_t* tile) {
  if (count < kQ6kTileRows) {
    std::memset(tile, 0, q6k_tile_bytes(blocks));
  } else {
    std::memset(tile, 0, q6k_tile_head_bytes(blocks));
  }
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t b = 0; b < blocks; ++b, rows += kQ6kBlockBytes) {
      std::memcpy(tile + b * kQ6kTileDBytes + 2 * r, rows + kQ6kD, 2);
      std::uint8_t codes[kQ6kBlock];
      q6k_codes(rows, codes);
      for (std::size_t s = 0; s < kQ6kBlock / kQ6kStepCols; ++s) {
        const Step step = step_of(blocks, b, s);
        tile[step.scales + r] = rows[kQ6kScales + s];
        const std::uint8_t* const c = codes + kQ6kStepCols * s;
        std::uint8_t* const to = tile + step.codes + 4 * r;
        const std::uint32_t last = load_four(c + 12);
        store_four(load_four(c) | (last & 0x03030303U) << 6, to);
        store_four(load_four(c + 4) | (last & 0x0C0C0C0CU) << 4, to + kLine);
        store_four(load_four(c + 8) | (last & 0x30303030U) << 2, to + 2 * kLine);
      }
    }
  }
}

}  // namespace

std::size_t q6k_tile_head_bytes(std::size_t blocks) {
  return (blocks * kQ6kTileDBytes + kLine - 1) / kLine * kLine;
}

std::size_t q6k_tile_bytes(std::size_t blocks) {
  return q6k_tile_head_bytes(blocks) + blocks * kQ6kQuarters * kQ6kQuarterBytes;
}

void q6k_pack_rows(const std::uint8_t* rows, std::size_t count, std::size_t blocks,
                   std::uint8_t* tiles) {
  for (std::size_t r = 0; r < count; r += kQ6kTileRows) {
    pack_tile(rows, std::min(kQ6kTileRows, count - r), blocks, tiles);
    rows += kQ6kTileRows * blocks * kQ6kBlockBytes;
    tiles += q6k_tile_bytes(blocks);
  }
}

void q6k_unpack_block(const std::uint8_t* tile, std::size_t blocks, std::size_t row, std::size_t b,
                      std::uint8_t* block) {
  std::uint8_t codes[kQ6kBlock];
  for (std::size_t s = 0; s < kQ6kBlock / kQ6kStepCols; ++s) {
    const Step step = step_of(blocks, b, s);
    block[kQ6kScales + s] = tile[step.scales + row];
    std::uint32_t v[3];
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      v[i] = load_four(tile + step.codes + 4 * row + i * kLine);
      last |= (v[i] & 0xC0C0C0C0U) >> (6 - 2 * i);
      store_four(v[i] & 0x3F3F3F3FU, codes + kQ6kStepCols * s + 4 * i);
    }
    store_four(last, codes + kQ6kStepCols * s + 12);
  }
  q6k_put_codes(codes, block);
  std::memcpy(block + kQ6kD, tile + b * kQ6kTileDBytes + 2 * row, 2);
}

}  // namespace ryz
