#include "kernels/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace ryz {
namespace {

// Calls each(in_matrix, in_tile, bytes) for a tile's blocks: where they begin, and their bytes.
template <class Each>
void for_each_block(const Encoding& encoding, std::size_t tiles, std::size_t tile_bytes,
                    std::size_t tile, Each each) {
  for (std::size_t first = 0; first < tile_bytes; first += encoding.block_bytes) {
    const std::size_t bytes = std::min(encoding.block_bytes, tile_bytes - first);
    each(first * tiles + tile * bytes, first, bytes);
  }
}

std::size_t tiles_of(const Encoding& encoding, std::size_t rows) {
  return (rows + encoding.row_tile - 1) / encoding.row_tile;
}

}  // namespace

PackedMatrix::PackedMatrix(const Encoding& encoding, std::size_t rows, std::size_t cols)
    : PackedMatrix(encoding, rows, cols, nullptr) {
  buffer_ = Buffer(bytes());
  data_ = buffer_.as<std::uint8_t>();
}

PackedMatrix::PackedMatrix(const Encoding& encoding, std::size_t rows, std::size_t cols,
                           std::uint8_t* memory)
    : encoding_(&encoding),
      rows_(rows),
      cols_(cols),
      tiles_(tiles_of(encoding, rows)),
      tile_bytes_(encoding.tile_bytes(cols)),
      data_(memory) {}

std::size_t packed_bytes(const Encoding& encoding, std::size_t rows, std::size_t cols) {
  return tiles_of(encoding, rows) * encoding.tile_bytes(cols);
}

void PackedMatrix::pack_tiles(std::size_t begin, std::size_t end, RowReader read_row) {
  const std::size_t tile_rows = encoding_->row_tile;
  const std::size_t stride = round_up(cols_, kActivationBlock);
  std::vector<std::int8_t> trits(tile_rows * stride);
  std::vector<std::uint8_t> whole(encoding_->block_bytes != 0 ? tile_bytes_ : 0);
  for (std::size_t tile = begin; tile < end; ++tile) {
    const std::size_t first = tile * tile_rows;
    const std::size_t rows = std::min(tile_rows, rows_ - first);
    for (std::size_t r = 0; r < rows; ++r) read_row(first + r, trits.data() + r * stride);
    if (encoding_->block_bytes == 0) {
      encoding_->pack_tile(trits.data(), stride, rows, cols_, data_ + tile * tile_bytes_);
      continue;
    }
    encoding_->pack_tile(trits.data(), stride, rows, cols_, whole.data());
    for_each_block(*encoding_, tiles_, tile_bytes_, tile,
                   [&](std::size_t in_matrix, std::size_t in_tile, std::size_t bytes) {
                     std::memcpy(data_ + in_matrix, whole.data() + in_tile, bytes);
                   });
  }
}

void unpack_tile(const Encoding& encoding, const PackedView& view, std::size_t tile,
                 std::int8_t* trits, std::size_t stride) {
  const std::size_t first = tile * encoding.row_tile;
  const std::size_t rows = std::min(encoding.row_tile, view.rows - first);
  if (encoding.block_bytes == 0) {
    encoding.unpack_tile(view.data + tile * view.tile_bytes, rows, view.cols, trits, stride);
    return;
  }
  std::vector<std::uint8_t> whole(view.tile_bytes);
  for_each_block(encoding, tiles_of(encoding, view.rows), view.tile_bytes, tile,
                 [&](std::size_t in_matrix, std::size_t in_tile, std::size_t bytes) {
                   std::memcpy(whole.data() + in_tile, view.data + in_matrix, bytes);
                 });
  encoding.unpack_tile(whole.data(), rows, view.cols, trits, stride);
}

PackedMatrix pack(const Encoding& encoding, std::size_t rows, std::size_t cols,
                  RowReader read_row) {
  PackedMatrix matrix(encoding, rows, cols);
  matrix.pack_tiles(0, matrix.tiles(), read_row);
  return matrix;
}

}  // namespace ryz
