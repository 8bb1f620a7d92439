// A ternary matrix packed in one encoding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/buffer.h"
#include "kernels/encoding.h"
#include "kernels/function_ref.h"
#include "kernels/ternary.h"

namespace ryz {

// Writes row r of the source as `cols` trits; the caller's storage is zero beyond them.
using RowReader = FunctionRef<void(std::size_t row, std::int8_t* trits)>;

class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Reserves the bytes without touching them; pack_tiles() fills them.
  PackedMatrix(const Encoding& encoding, std::size_t rows, std::size_t cols);
  // The same in somebody else's memory, of which it uses packed_bytes().
  PackedMatrix(const Encoding& encoding, std::size_t rows, std::size_t cols, std::uint8_t* memory);

  const Encoding& encoding() const { return *encoding_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t tiles() const { return tiles_; }
  std::size_t bytes() const { return tiles_ * tile_bytes_; }

  PackedView view() const { return {data_, rows_, cols_, tile_bytes_}; }

  // Packs tiles [begin, end). Different ranges may be packed by different threads; the thread
  // that packs a tile places its pages (where tiles are dealt out in blocks, the pages on which
  // its blocks are the first to be written).
  void pack_tiles(std::size_t begin, std::size_t end, RowReader read_row);

 private:
  const Encoding* encoding_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t tiles_ = 0;
  std::size_t tile_bytes_ = 0;
  Buffer buffer_;  // empty where the memory is somebody else's
  std::uint8_t* data_ = nullptr;
};

std::size_t packed_bytes(const Encoding& encoding, std::size_t rows, std::size_t cols);

// Packs the whole matrix in the calling thread.
PackedMatrix pack(const Encoding& encoding, std::size_t rows, std::size_t cols, RowReader read_row);

// The inverse for one tile: its rows, `stride` bytes apart, as trits of view.cols columns.
void unpack_tile(const Encoding& encoding, const PackedView& view, std::size_t tile,
                 std::int8_t* trits, std::size_t stride);

}  // namespace ryz
