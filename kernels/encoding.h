// An encoding: how ternary weights are packed, what its tables hold and in which order rows lie.
// The bytes do not depend on the instruction set that will read them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ryz {

// Whose property the lookup tables are.
enum class TableKind : std::uint8_t {
  kNone,         // multiply-add on the activations themselves
  kPattern,      // T[weight pattern][activation index], fixed, shared by every matrix
  kActivations,  // built from each activation vector, indexed by weight codes
};

// How an int32 result becomes a real value.
enum class OutputScale : std::uint8_t {
  kNormal,  // × weight scale × activation scale
  kUnit,    // × weight scale only: the table took the quantized value for the real one
};

// Plain data; one constant object an encoding, in encodings/<name>.cc.
struct Encoding {
  const char* name;
  const char* summary;     // one line for `ryz-lab list`
  double bits_per_weight;  // without row padding
  std::size_t row_tile;    // rows that are packed together; kernels get ranges aligned to it
  std::size_t group_cols;  // columns a table (or code) covers; 1 where there is no table
  TableKind table_kind;
  OutputScale output_scale;
  bool exact;               // products equal the int32 reference bit for bit
  const char* known_wrong;  // why it is wrong, or null

  // Bytes of one row tile of `cols` columns, padding included. Tiles follow each other, but see
  // block_bytes.
  std::size_t (*tile_bytes)(std::size_t cols);

  // Packs one tile. `trits` holds `rows` ≤ row_tile rows, `stride` bytes apart, each zero beyond
  // `cols` up to round_up(cols, kActivationBlock); missing rows of a ragged tile pack as zeros.
  // Writes all tile_bytes(cols) bytes.
  void (*pack_tile)(const std::int8_t* trits, std::size_t stride, std::size_t rows,
                    std::size_t cols, std::uint8_t* out);

  // The inverse, `rows` × `cols` trits.
  void (*unpack_tile)(const std::uint8_t* packed, std::size_t rows, std::size_t cols,
                      std::int8_t* trits, std::size_t stride);

  // kPattern: bytes of the shared table, and the call that builds it (idempotent, thread-safe);
  // otherwise 0 and null.
  std::size_t shared_table_bytes;
  void (*prepare)();

  // kActivations: bytes of tables for one token of `cols` columns in the canonical int16 layout;
  // otherwise null. (A kernel may build a denser one: Kernel::table_bytes is what it allocates.)
  std::size_t (*activation_table_bytes)(std::size_t cols);

  // Other than 0: a packed matrix deals the bytes of its tiles out in blocks of so many. The first
  // blocks of all tiles follow each other, then the second ones, and so on; the last ones are as
  // long as what is left of a tile. So the columns that share a block's tables are one stream
  // through all rows. pack_tile and unpack_tile take a tile in one piece all the same.
  std::size_t block_bytes = 0;
};

// Bytes a weight where every row and group has a table of its own, as in the engine this lab
// descends from: 256 float entries for each 8 weights.
inline constexpr double kAsFoundTableBytesPerWeight = 256.0 * 4.0 / 8.0;

// A packed matrix as kernels see it: no ownership, no alignment beyond a byte.
struct PackedView {
  const std::uint8_t* data = nullptr;  // ceil(rows / row_tile) tiles; see Encoding::block_bytes
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t tile_bytes = 0;
};

}  // namespace ryz
