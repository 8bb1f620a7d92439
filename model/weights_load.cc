// A model from a GGUF file. Everything in the file is checked before it is believed.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "model/errors.h"
#include "model/float16.h"
#include "model/fnv.h"
#include "model/gguf.h"
#include "model/head.h"
#include "model/mapped_file.h"
#include "model/q6k.h"
#include "model/q6k_tiles.h"
#include "model/weights.h"

namespace ryz {
namespace {

struct Shape {
  std::uint64_t cols, rows;
};

TernaryFormat format_of(std::uint32_t type) {
  return type == kGgmlTq1   ? TernaryFormat::kTq1
         : type == kGgmlTq2 ? TernaryFormat::kTq2
                            : TernaryFormat::kI2S;
}

std::string shape_text(std::uint64_t cols, std::uint64_t rows) {
  return std::to_string(cols) + " x " + std::to_string(rows);
}

class Loader {
 public:
  explicit Loader(const Gguf& file) : file_(file) {}

  Config config() const;
  std::vector<float> norm(const std::string& name, std::size_t n) const;
  RowTensor rows(const std::string& name, std::size_t rows, std::size_t cols) const;
  TernaryTensor ternary(const std::string& name, std::size_t rows, std::size_t cols) const;
  bool has(const std::string& name) const { return file_.find_tensor(name) != nullptr; }
  // A tensor that was never asked for would change the result of whoever knows it.
  void refuse_unused() const;

  [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
    throw InputError(file_.where() + ": tensor '" + name + "' " + why);
  }

 private:
  const GgufTensor& tensor(const std::string& name, Shape shape) const;
  std::size_t size_key(const std::string& key, std::optional<std::uint64_t> otherwise = {}) const;
  FfnActivation activation(const std::string& arch) const;
  void check_heads(const std::string& prefix, const Config& config) const;
  void check_rope(const std::string& prefix, const Config& config) const;
  void check_vocabulary(const Config& config) const;
  float matrix_scale(const std::string& name, const GgufTensor& found) const;
  [[noreturn]] void refuse_key(const std::string& key, const std::string& why) const {
    throw InputError(file_.where() + ": key '" + key + "' " + why);
  }

  const Gguf& file_;
  mutable std::vector<const GgufTensor*> used_;
};

std::size_t Loader::size_key(const std::string& key, std::optional<std::uint64_t> otherwise) const {
  return static_cast<std::size_t>(file_.integer(key, otherwise));
}

// llama.cpp's converter names the activation of arch `bitnet` since 2025; older files have none.
FfnActivation Loader::activation(const std::string& arch) const {
  const std::string key = arch + ".hidden_activation";
  if (file_.find(key) == nullptr) {
    return arch == "bitnet" ? FfnActivation::kSilu : FfnActivation::kSquaredRelu;
  }
  const std::string_view name = file_.text(key);
  if (name == "silu" || name == "swish" || name == "swiglu") return FfnActivation::kSilu;
  if (name == "relu2") return FfnActivation::kSquaredRelu;
  refuse_key(key, "is '" + printable(name) + "'; silu and relu2 are supported");
}

void Loader::check_heads(const std::string& prefix, const Config& config) const {
  for (const char* name : {"attention.key_length", "attention.value_length"}) {
    const std::size_t width = size_key(prefix + name, config.head_dim());
    if (width != config.head_dim()) {
      refuse_key(prefix + name, "is " + std::to_string(width) + ", but heads are " +
                                    std::to_string(config.head_dim()) +
                                    " wide; other widths are not supported");
    }
  }
  const std::string window = prefix + "attention.sliding_window";
  if (size_key(window, 0) != 0) refuse_key(window, "is not 0; sliding windows are not supported");
}

// Plain rotary positions over whole heads; a file that asks for others would get wrong answers.
void Loader::check_rope(const std::string& prefix, const Config& config) const {
  const std::string count = prefix + "rope.dimension_count";
  const std::size_t rotated = size_key(count, config.head_dim());
  if (rotated != config.head_dim()) {
    refuse_key(count, "is " + std::to_string(rotated) + ", but heads are " +
                          std::to_string(config.head_dim()) +
                          " wide; rotating a part of a head is not supported");
  }
  const std::string type = prefix + "rope.scaling.type";
  if (file_.find(type) != nullptr) {
    const std::string_view name = file_.text(type);
    if (name != "none" && name != "linear") {
      refuse_key(type, "is '" + printable(name) + "'; scaled positions are not supported");
    }
  }
  for (const char* name :
       {"rope.scaling.factor", "rope.scale_linear", "rope.scaling.attn_factor"}) {
    const float factor = file_.real(prefix + name, 1.0F);
    // 0 stands for none, as in llama.cpp.
    if (factor != 1.0F && factor != 0.0F) {
      refuse_key(prefix + name,
                 "is " + std::to_string(factor) + "; scaled positions are not supported");
    }
  }
  const std::string sections = prefix + "rope.dimension_sections";
  if (file_.find(sections) != nullptr) refuse_key(sections, "is there; it is not supported");
}

void Loader::check_vocabulary(const Config& config) const {
  const std::string key = "tokenizer.ggml.tokens";
  const GgufValue* tokens = file_.find(key);
  if (tokens == nullptr) return;
  if (tokens->type != GgufValueType::kArray) refuse_key(key, "is not an array");
  if (tokens->count != config.vocab) {
    refuse_key(key, "has " + std::to_string(tokens->count) + " tokens, but the vocabulary has " +
                        std::to_string(config.vocab) + "; the file was put together wrongly");
  }
}

Config Loader::config() const {
  Config config;
  config.arch = std::string(file_.text("general.architecture"));
  if (config.arch != "bitnet" && config.arch != "bitnet-b1.58" && config.arch != "bitnet-25") {
    throw InputError(file_.where() + ": general.architecture is '" + printable(config.arch) +
                     "'; this program runs bitnet-b1.58, bitnet-25 and bitnet");
  }
  config.activation = activation(config.arch);
  if (file_.find("general.name") != nullptr) config.name = printable(file_.text("general.name"));
  const std::string prefix = config.arch + ".";
  config.embd = size_key(prefix + "embedding_length");
  config.ffn = size_key(prefix + "feed_forward_length");
  config.layers = size_key(prefix + "block_count");
  config.heads = size_key(prefix + "attention.head_count");
  config.kv_heads = size_key(prefix + "attention.head_count_kv", config.heads);
  config.context = size_key(prefix + "context_length");
  const GgufTensor* embedding = file_.find_tensor("token_embd.weight");
  config.vocab =
      size_key(prefix + "vocab_size", embedding == nullptr ? std::uint64_t{0} : embedding->dims[1]);
  config.rope_base = file_.real(prefix + "rope.freq_base", 10000.0F);
  config.rms_eps = file_.real(prefix + "attention.layer_norm_rms_epsilon");
  validate(config, file_.where());
  check_heads(prefix, config);
  check_rope(prefix, config);
  check_vocabulary(config);
  return config;
}

void Loader::refuse_unused() const {
  std::sort(used_.begin(), used_.end());
  for (const GgufTensor& tensor : file_.tensors()) {
    if (!std::binary_search(used_.begin(), used_.end(), &tensor)) {
      refuse(printable(tensor.name),
             "is no part of this architecture as this program knows it; without it the answers "
             "would be wrong");
    }
  }
}

const GgufTensor& Loader::tensor(const std::string& name, Shape shape) const {
  const GgufTensor* found = file_.find_tensor(name);
  if (found == nullptr) refuse(name, "is missing; this is not a complete model of its kind");
  if (found->dims[0] != shape.cols || found->dims[1] != shape.rows || found->dims[2] != 1 ||
      found->dims[3] != 1) {
    refuse(name, "is " + shape_text(found->dims[0], found->dims[1]) +
                     (found->rank > 2 ? " x ..." : "") + ", but the model's shape asks for " +
                     shape_text(shape.cols, shape.rows));
  }
  used_.push_back(found);
  return *found;
}

std::vector<float> Loader::norm(const std::string& name, std::size_t n) const {
  const GgufTensor& found = tensor(name, {n, 1});
  if (found.type != kGgmlF32) refuse(name, "is " + ggml_type_name(found.type) + "; f32 is needed");
  std::vector<float> values(n);
  std::memcpy(values.data(), found.bytes.data(), n * sizeof(float));
  if (!std::all_of(values.begin(), values.end(), [](float w) { return std::isfinite(w); })) {
    refuse(name, "holds a number that is infinite or none; the file is damaged");
  }
  return values;
}

RowTensor Loader::rows(const std::string& name, std::size_t rows, std::size_t cols) const {
  const GgufTensor& found = tensor(name, {cols, rows});
  RowTensor out{found.bytes.data(), rows, cols, RowFormat::kF32};
  switch (found.type) {
    case kGgmlF32:
      break;
    case kGgmlF16:
      out.format = RowFormat::kF16;
      break;
    case kGgmlBF16:
      out.format = RowFormat::kBF16;
      break;
    case kGgmlQ80:
      out.format = RowFormat::kQ80;
      break;
    case kGgmlQ6K:
      out.format = RowFormat::kQ6K;
      break;
    default:
      refuse(name, "is " + ggml_type_name(found.type) +
                       "; embeddings and heads are read as f32, f16, bf16, q8_0 or q6_k");
  }
  return out;
}

// As the format keeps it, times the tensor of one number that llama.cpp puts beside a matrix whose
// blocks have no scale of their own.
float Loader::matrix_scale(const std::string& name, const GgufTensor& found) const {
  float scale = 0.0F;
  if (found.type == kGgmlI2S) {
    std::memcpy(&scale, found.bytes.data() + found.bytes.size() - 32, sizeof scale);
  } else if (const auto half =
                 first_block_scale(format_of(found.type), found.bytes.data(), found.bytes.size())) {
    scale = half_to_float(*half);
  }
  if (has(name + ".scale")) scale *= norm(name + ".scale", 1).front();
  return scale;
}

TernaryTensor Loader::ternary(const std::string& name, std::size_t rows, std::size_t cols) const {
  const std::string weight = name + ".weight";
  const GgufTensor& found = tensor(weight, {cols, rows});
  if (found.type != kGgmlI2S && found.type != kGgmlTq1 && found.type != kGgmlTq2) {
    refuse(weight, "is " + ggml_type_name(found.type) +
                       "; ternary matrices are read as i2_s, tq2_0 or tq1_0, so convert the model");
  }
  TernaryTensor out{found.bytes.data(), rows, cols, matrix_scale(name, found),
                    format_of(found.type)};
  if (!std::isfinite(out.scale) || out.scale == 0.0F) {
    refuse(weight, "has the scale " + std::to_string(out.scale) +
                       ", which is no finite number other than 0; the file is damaged");
  }
  return out;
}

// Reads all ternary weights once, as a team, and refuses the first tensor, layer by layer, whose
// bytes are not of its format.
void check_matrices(const Loader& loader, const std::vector<Layer>& layers, Team& team) {
  const std::size_t tensors = layers.size() * kSites;
  const auto fault_of = [&](std::size_t i, std::size_t begin, std::size_t end) {
    const TernaryTensor& tensor = layers[i / kSites].site[i % kSites];
    const std::size_t row = tensor.row_bytes();
    const std::uint16_t scale =
        tensor.format == TernaryFormat::kI2S
            ? std::uint16_t{0}
            : first_block_scale(tensor.format, tensor.data, tensor.bytes()).value_or(0);
    return check_ternary(tensor.format, tensor.data + begin * row, (end - begin) * row, scale);
  };
  std::atomic<std::size_t> first{tensors};
  team.run([&](Worker& worker) {
    for (std::size_t i = 0; i < tensors; ++i) {
      const std::size_t rows = layers[i / kSites].site[i % kSites].rows;
      const std::size_t begin = rows * worker.index() / worker.count();
      const std::size_t end = rows * (worker.index() + 1) / worker.count();
      if (fault_of(i, begin, end) == TernaryFault::kNone) continue;
      std::size_t known = first.load();
      while (i < known && !first.compare_exchange_weak(known, i)) {
      }
    }
  });
  const std::size_t i = first.load();
  if (i == tensors) return;
  const std::string name = "blk." + std::to_string(i / kSites) + "." +
                           site_name(static_cast<Site>(i % kSites)) + ".weight";
  if (fault_of(i, 0, layers[i / kSites].site[i % kSites].rows) == TernaryFault::kCodeThree) {
    loader.refuse(name,
                  "holds the code 3, which no ternary weight has; the file is damaged or its "
                  "matrices are not ternary");
  }
  loader.refuse(name,
                "has blocks of different scales; this program multiplies matrices with one scale "
                "a tensor");
}

// What a loaded model's views point into.
struct Storage {
  std::shared_ptr<const MappedFile> file;
  Buffer head;
};

// Copies the head out of the mapping, by the workers that will read it: every token reads all of
// it, and a file's small pages cost a stream more than the large ones of a Buffer. What was copied
// need not stay in memory twice.
void place_head(Weights& weights, Buffer& buffer, Team& team) {
  constexpr std::size_t kPieceTiles = 128;  // 4 MB of 2b4t's
  const bool tied = weights.head.data == weights.embedding.data;
  RowTensor placed = weights.head;
  if (placed.format == RowFormat::kQ6K) placed.layout = RowLayout::kTiles;
  buffer = Buffer(placed.bytes());
  auto* const to = buffer.as<std::uint8_t>();
  placed.data = to;
  const std::size_t row = placed.row_bytes();
  const std::uint8_t* const from = weights.head.data;
  team.run([&](Worker& worker) {
    const Chunk rows = head_rows(placed, worker);
    for (std::size_t r = rows.begin; r < rows.end; r += kPieceTiles * kQ6kTileRows) {
      const std::size_t n = std::min(kPieceTiles * kQ6kTileRows, rows.end - r);
      if (placed.layout == RowLayout::kRows) {
        std::memcpy(to + r * row, from + r * row, n * row);
      } else {
        q6k_pack_rows(from + r * row, n, placed.cols / kQ6kBlock,
                      to + r / kQ6kTileRows * q6k_tile_bytes(placed.cols / kQ6kBlock));
      }
      weights.file->drop({from + r * row, n * row});
    }
  });
  weights.head = placed;
  if (tied) weights.embedding = placed;
}

// Of everything but the weights themselves, and of some bytes of each tensor.
std::uint64_t hash_of(std::span<const std::uint8_t> bytes, const Gguf& file) {
  constexpr std::size_t kHeaderBytes = std::size_t{1} << 20;  // a vocabulary may take more
  constexpr std::size_t kSample = 64;
  Fnv fnv;
  fnv.add(std::uint64_t{bytes.size()});
  fnv.add(bytes.data(), std::min(file.data_begin(), kHeaderBytes));
  for (const GgufTensor& tensor : file.tensors()) {
    const std::size_t n = tensor.bytes.size();
    const std::size_t sample = std::min(n, kSample);
    for (const std::size_t at : {std::size_t{0}, (n - sample) / 2, n - sample}) {
      fnv.add(tensor.bytes.data() + at, sample);
    }
  }
  return fnv.value();
}

}  // namespace

Weights view_weights(const Gguf& file, Team& team) {
  const Loader loader(file);
  Weights weights;
  weights.config = loader.config();
  const Config& config = weights.config;
  weights.source = file.where();
  weights.embedding = loader.rows("token_embd.weight", config.vocab, config.embd);
  weights.head = loader.has("output.weight")
                     ? loader.rows("output.weight", config.vocab, config.embd)
                     : weights.embedding;
  weights.output_norm = loader.norm("output_norm.weight", config.embd);
  for (std::size_t l = 0; l < config.layers; ++l) {
    const std::string block = "blk." + std::to_string(l) + ".";
    Layer layer;
    layer.attn_norm = loader.norm(block + "attn_norm.weight", config.embd);
    layer.attn_sub_norm = loader.norm(block + "attn_sub_norm.weight", config.embd);
    layer.ffn_norm = loader.norm(block + "ffn_norm.weight", config.embd);
    layer.ffn_sub_norm = loader.norm(block + "ffn_sub_norm.weight", config.ffn);
    for (std::size_t s = 0; s < kSites; ++s) {
      const auto site = static_cast<Site>(s);
      const SiteShape shape = site_shape(config, site);
      layer.site[s] = loader.ternary(block + site_name(site), shape.rows, shape.cols);
    }
    weights.layers.push_back(std::move(layer));
  }
  loader.refuse_unused();
  check_matrices(loader, weights.layers, team);
  return weights;
}

Weights load_weights(const std::string& path, Team& team) {
  const auto storage = std::make_shared<Storage>();
  storage->file = std::make_shared<const MappedFile>(path);
  const std::span<const std::uint8_t> bytes = storage->file->bytes();
  const Gguf file = Gguf::parse(bytes, path);
  Weights weights = view_weights(file, team);
  weights.file = storage->file;
  weights.hash = hash_of(bytes, file);
  place_head(weights, storage->head, team);
  weights.storage = storage;
  weights.check_source();
  return weights;
}

}  // namespace ryz
