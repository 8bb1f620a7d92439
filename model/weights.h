// A model's weights as they lie in a file or were filled from a seed: views of packed bytes, with
// whatever owns those bytes kept alive. A preset and a file have the same formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/packed_matrix.h"
#include "kernels/schedule.h"
#include "model/config.h"

namespace ryz {

// The seven ternary products of a layer, in the order they run.
enum class Site : std::uint8_t { kQ, kK, kV, kOut, kGate, kUp, kDown };
inline constexpr std::size_t kSites = 7;
const char* site_name(Site site);  // "attn_q", ... as GGUF names them

struct SiteShape {
  std::size_t rows = 0;  // outputs
  std::size_t cols = 0;  // inputs
};
SiteShape site_shape(const Config& config, Site site);

// A ternary matrix in I2_S, as microsoft/BitNet writes it: 32 bytes hold 128 consecutive weights
// of a row, byte j has weights j, j+32, j+64, j+96 in bits 7-6, 5-4, 3-2, 1-0, as w + 1.
struct TernaryTensor {
  const std::uint8_t* data = nullptr;  // rows * cols / 4 bytes
  std::size_t rows = 0;
  std::size_t cols = 0;
  float scale = 0.0F;  // one a tensor

  // Writes row r as `cols` trits. The code 3 does not exist in valid files (load() refuses it).
  void read_row(std::size_t row, std::int8_t* trits) const;
};

// Rows of real numbers: embeddings and the output head.
enum class RowFormat : std::uint8_t { kF32, kF16, kQ6K };
struct RowTensor {
  const std::uint8_t* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  RowFormat format = RowFormat::kF32;

  std::size_t row_bytes() const;
  void read_row(std::size_t row, float* out) const;  // cols floats
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
  std::shared_ptr<const void> storage;  // mapping or buffers

  // Bytes a decoded token reads besides the ternary weights: the head and the norms.
  std::size_t head_bytes() const { return head.rows * head.row_bytes(); }
};

// From a GGUF file, memory-mapped; throws InputError for anything that is not a usable model.
Weights load_weights(const std::string& path, Team& team);

// Random weights of a shape, the same for any number of threads; head in Q6_K.
Weights make_weights(const Config& config, std::uint64_t seed, Team& team);

// `model` is a path of an existing file, or else a preset's name; throws InputError naming both
// possibilities and the presets.
Weights open_model(const std::string& model, std::uint64_t seed, Team& team);

// All ternary matrices of a model in one encoding, packed by the team: a row tile is placed by
// the worker that will read it under the static schedule.
struct PackedModel {
  const Encoding* encoding = nullptr;
  std::vector<PackedMatrix> matrices;  // [layer * kSites + site]

  const PackedMatrix& at(std::size_t layer, Site site) const {
    return matrices[layer * kSites + static_cast<std::size_t>(site)];
  }
  std::size_t bytes() const;
};
PackedModel pack_model(const Weights& weights, const Encoding& encoding, Team& team);

}  // namespace ryz
