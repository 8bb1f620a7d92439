#include "kernels/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace ryz {

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
      tiles_((rows + encoding.row_tile - 1) / encoding.row_tile),
      tile_bytes_(encoding.tile_bytes(cols)),
      data_(memory) {}

std::size_t packed_bytes(const Encoding& encoding, std::size_t rows, std::size_t cols) {
  return (rows + encoding.row_tile - 1) / encoding.row_tile * encoding.tile_bytes(cols);
}

void PackedMatrix::pack_tiles(std::size_t begin, std::size_t end, RowReader read_row) {
  const std::size_t tile_rows = encoding_->row_tile;
  const std::size_t stride = round_up(cols_, kActivationBlock);
  std::vector<std::int8_t> trits(tile_rows * stride);
  for (std::size_t tile = begin; tile < end; ++tile) {
    const std::size_t first = tile * tile_rows;
    const std::size_t rows = std::min(tile_rows, rows_ - first);
    for (std::size_t r = 0; r < rows; ++r) read_row(first + r, trits.data() + r * stride);
    encoding_->pack_tile(trits.data(), stride, rows, cols_, data_ + tile * tile_bytes_);
  }
}

PackedMatrix pack(const Encoding& encoding, std::size_t rows, std::size_t cols,
                  RowReader read_row) {
  PackedMatrix matrix(encoding, rows, cols);
  matrix.pack_tiles(0, matrix.tiles(), read_row);
  return matrix;
}

}  // namespace ryz
