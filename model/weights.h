// A model's weights as they lie in a file or were filled from a seed: views of packed bytes, with
// whatever owns those bytes kept alive. A preset and a file have the same formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/packed_matrix.h"
#include "kernels/schedule.h"
#include "model/config.h"
#include "model/ternary_rows.h"

namespace ryz {

class Gguf;
class MappedFile;

// The seven ternary products of a layer, in the order they run.
enum class Site : std::uint8_t { kQ, kK, kV, kOut, kGate, kUp, kDown };
inline constexpr std::size_t kSites = 7;
const char* site_name(Site site);  // "attn_q", ... as GGUF names them

struct SiteShape {
  std::size_t rows = 0;  // outputs
  std::size_t cols = 0;  // inputs
};
SiteShape site_shape(const Config& config, Site site);

// A ternary matrix as it lies in a file; model/ternary_rows.h describes the formats.
struct TernaryTensor {
  const std::uint8_t* data = nullptr;  // rows of row_bytes() each
  std::size_t rows = 0;
  std::size_t cols = 0;  // whole blocks of the format
  float scale = 0.0F;    // one a tensor
  TernaryFormat format = TernaryFormat::kI2S;

  std::size_t row_bytes() const { return ternary_row_bytes(format, cols); }
  std::size_t bytes() const { return rows * row_bytes(); }

  // Writes row r as `cols` trits.
  void read_row(std::size_t row, std::int8_t* trits) const {
    read_ternary_row(format, data + row * row_bytes(), cols, trits);
  }
};

// Rows of real numbers: embeddings and the output head. Q8_0: 32 weights are a half d and 32 int8,
// weight = d · q (exact in f32). Q6_K: model/q6k.h.
enum class RowFormat : std::uint8_t { kF32, kF16, kBF16, kQ80, kQ6K };
inline constexpr std::size_t kQ80Block = 32;
inline constexpr std::size_t kQ80BlockBytes = 34;
// Row after row as files have them, or Q6_K in the tiles of model/q6k_tiles.h.
enum class RowLayout : std::uint8_t { kRows, kTiles };
struct RowTensor {
  const std::uint8_t* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  RowFormat format = RowFormat::kF32;
  RowLayout layout = RowLayout::kRows;

  std::size_t row_bytes() const;                            // of a row in a file
  std::size_t bytes() const;                                // of all rows, as they lie
  void copy_row(std::size_t row, std::uint8_t* out) const;  // as a file has it
  void read_row(std::size_t row, float* out) const;         // cols floats
};
const char* row_format_name(RowFormat format);

struct Layer {
  std::vector<float> attn_norm;      // embd
  std::vector<float> attn_sub_norm;  // embd
  std::vector<float> ffn_norm;       // embd
  std::vector<float> ffn_sub_norm;   // ffn
  TernaryTensor site[kSites];
};

struct Weights {
  Config config;
  std::string source;      // the path or preset name it came from
  std::uint64_t hash = 0;  // of the file's header and size, or of preset and seed: identifies it
  RowTensor embedding;
  RowTensor head;  // the embedding itself where tied
  std::vector<float> output_norm;
  std::vector<Layer> layers;
  std::shared_ptr<const void> storage;     // mapping or buffers
  std::shared_ptr<const MappedFile> file;  // null for a preset

  // Throws InputError where the file is no longer what it was when it was loaded. Who reads from
  // the views asks after reading.
  void check_source() const;

  std::size_t head_bytes() const { return head.bytes(); }
};

// From a GGUF file, memory-mapped; throws InputError for anything that is not a usable model. The
// head is copied out of the mapping, into tiles if it is Q6_K; matrices, and the embedding where it
// is not the head, are not.
Weights load_weights(const std::string& path, Team& team);

// The same as views into the bytes of `file`, which must outlive them: nothing is copied but norms.
Weights view_weights(const Gguf& file, Team& team);

// Random weights of a shape, the same for any number of threads; head in tiles of Q6_K.
Weights make_weights(const Config& config, std::uint64_t seed, Team& team);

// `model` is a path of an existing file, or else a preset's name; throws InputError naming both
// possibilities and the presets.
Weights open_model(const std::string& model, std::uint64_t seed, Team& team);

// The tiles of a matrix from `first_tile` on.
struct PackedTiles {
  const PackedMatrix* matrix = nullptr;
  std::size_t first_tile = 0;
};

// All ternary matrices of a model in one encoding, packed by the team: a row tile is placed by
// the worker that will read it under the static schedule (as far as an encoding's tiles are in one
// piece: see Encoding::block_bytes). Those that share their activations (see
// product_groups.h) are packed as one matrix, each from a whole tile on: one call of a kernel then
// takes rows of all of them, and builds or reads its tables once. They lie one after the other in
// the order in which a token reads them, in huge pages: as buffers of their own the smaller ones
// would lie in small pages, at whose ends the streams of codes stop. A file's pages leave memory as
// they are packed.
struct PackedModel {
  const Encoding* encoding = nullptr;
  Buffer memory;
  std::vector<PackedMatrix> matrices;  // [layer][group]
  std::vector<PackedTiles> tiles;      // [layer * kSites + site]

  const PackedTiles& at(std::size_t layer, Site site) const {
    return tiles[layer * kSites + static_cast<std::size_t>(site)];
  }
  std::size_t bytes() const;
};
PackedModel pack_model(const Weights& weights, const Encoding& encoding, Team& team);

}  // namespace ryz
