// Q6_K as the head is multiplied: tiles of 16 rows, so that a lane is a row and nothing is summed
// across lanes, in the order in which a tile is read, its first byte to its last. (With scales
// after the codes that they belong to, or before a whole block's, lines came in another order than
// they lie in, and a sixth of a Zen 4's bandwidth stayed unused; rows as files have them kept a
// core too busy to read at all of it.) A tile of B blocks of 256 columns:
//   d      [B][16] half, zeros up to whole 64 bytes
//   and for each block four quarters of 64 columns, each
//     scales [4][16] int8, one for 16 columns of a row
//     codes  [4][3][64], for 16 columns three vectors. The low six bits of byte 4·r + i of vector v
//            are row r's q + 32 in column 4·v + i; bits 7-6 of the three vectors are bits 1-0, 3-2
//            and 5-4 of column 12 + i.
// As many bytes as the blocks of 16 rows have, and 32 where B is odd. Rows that a last tile has too
// many are zeros.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

inline constexpr std::size_t kQ6kTileRows = 16;
inline constexpr std::size_t kQ6kQuarters = 4;
inline constexpr std::size_t kQ6kStepCols = 16;  // that have a scale, and three vectors of codes
inline constexpr std::size_t kQ6kSteps = 4;      // of a quarter
inline constexpr std::size_t kQ6kStepBytes = 3 * 64;
inline constexpr std::size_t kQ6kQuarterBytes = kQ6kSteps * (kQ6kTileRows + kQ6kStepBytes);
inline constexpr std::size_t kQ6kTileDBytes = kQ6kTileRows * 2;  // of a block

// Bytes of a tile's d, and of the whole tile.
std::size_t q6k_tile_head_bytes(std::size_t blocks);
std::size_t q6k_tile_bytes(std::size_t blocks);

// Tiles from `count` rows of model/q6k.h's blocks that follow each other.
void q6k_pack_rows(const std::uint8_t* rows, std::size_t count, std::size_t blocks,
                   std::uint8_t* tiles);

// Block b of a tile's row r as q6k.h has it, kQ6kBlockBytes.
void q6k_unpack_block(const std::uint8_t* tile, std::size_t blocks, std::size_t row, std::size_t b,
                      std::uint8_t* block);

}  // namespace ryz
