// A model from a GGUF file. Everything in the file is checked before it is believed.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "model/errors.h"
#include "model/fnv.h"
#include "model/gguf.h"
#include "model/head.h"
#include "model/mapped_file.h"
#include "model/q6k.h"
#include "model/weights.h"

namespace ryz {
namespace {

struct Shape {
  std::uint64_t cols, rows;
};

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

  [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
    throw InputError(file_.where() + ": tensor '" + name + "' " + why);
  }

 private:
  const GgufTensor& tensor(const std::string& name, Shape shape) const;
  std::size_t size_key(const std::string& key, std::optional<std::uint64_t> otherwise = {}) const;

  const Gguf& file_;
};

std::size_t Loader::size_key(const std::string& key, std::optional<std::uint64_t> otherwise) const {
  return static_cast<std::size_t>(file_.integer(key, otherwise));
}

Config Loader::config() const {
  Config config;
  config.arch = std::string(file_.text("general.architecture"));
  if (config.arch == "bitnet") {
    config.activation = FfnActivation::kSilu;
  } else if (config.arch != "bitnet-b1.58" && config.arch != "bitnet-25") {
    throw InputError(file_.where() + ": general.architecture is '" + printable(config.arch) +
                     "'; this program runs bitnet-b1.58, bitnet-25 and bitnet");
  }
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
  const std::size_t rotated = size_key(prefix + "rope.dimension_count", config.head_dim());
  if (rotated != config.head_dim()) {
    throw InputError(file_.where() + ": key '" + prefix + "rope.dimension_count' is " +
                     std::to_string(rotated) + ", but heads are " +
                     std::to_string(config.head_dim()) +
                     " wide; rotating a part of a head is not supported");
  }
  return config;
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
    case kGgmlQ6K:
      out.format = RowFormat::kQ6K;
      break;
    default:
      refuse(name, "is " + ggml_type_name(found.type) +
                       "; embeddings and heads are read as f32, f16 or q6_k");
  }
  return out;
}

TernaryTensor Loader::ternary(const std::string& name, std::size_t rows, std::size_t cols) const {
  const GgufTensor& found = tensor(name, {cols, rows});
  if (found.type != kGgmlI2S) {
    refuse(name, "is " + ggml_type_name(found.type) +
                     "; ternary matrices are read as i2_s, so convert the model to I2_S");
  }
  TernaryTensor out{found.bytes.data(), rows, cols, 0.0F};
  std::memcpy(&out.scale, found.bytes.data() + rows * cols / 4, sizeof out.scale);
  if (!std::isfinite(out.scale) || out.scale == 0.0F) {
    refuse(name, "has the scale " + std::to_string(out.scale) +
                     ", which is no finite number other than 0; the file is damaged");
  }
  return out;
}

// Whether any 2-bit code is 3. `bytes` is a multiple of 32, as rows of I2_S are.
bool has_code_three(const std::uint8_t* p, std::size_t bytes) {
  std::uint64_t both[4] = {};
  for (std::size_t i = 0; i < bytes; i += sizeof both) {
    std::uint64_t words[4];
    std::memcpy(words, p + i, sizeof words);
    for (std::size_t j = 0; j < 4; ++j) both[j] |= words[j] & words[j] >> 1;
  }
  return ((both[0] | both[1] | both[2] | both[3]) & 0x5555555555555555u) != 0;
}

// Reads all ternary weights once, as a team; returns the first tensor, layer by layer, with a code
// that no trit has, or nothing.
const TernaryTensor* find_code_three(const std::vector<Layer>& layers, Team& team) {
  const std::size_t tensors = layers.size() * kSites;
  std::atomic<std::size_t> first{tensors};
  team.run([&](Worker& worker) {
    for (std::size_t i = 0; i < tensors; ++i) {
      const TernaryTensor& tensor = layers[i / kSites].site[i % kSites];
      const std::size_t begin = tensor.rows * worker.index() / worker.count();
      const std::size_t end = tensor.rows * (worker.index() + 1) / worker.count();
      const std::size_t row = tensor.cols / 4;
      if (!has_code_three(tensor.data + begin * row, (end - begin) * row)) continue;
      std::size_t known = first.load();
      while (i < known && !first.compare_exchange_weak(known, i)) {
      }
    }
  });
  const std::size_t found = first.load();
  return found == tensors ? nullptr : &layers[found / kSites].site[found % kSites];
}

// What a loaded model's views point into.
struct Storage {
  explicit Storage(const std::string& path) : file(path) {}
  MappedFile file;
  Buffer head;
};

// Copies the head out of the mapping, by the workers that will read it: every token reads all of
// it, and a file's small pages cost a stream more than the large ones of a Buffer.
void place_head(Weights& weights, Buffer& buffer, Team& team) {
  const bool tied = weights.head.data == weights.embedding.data;
  buffer = Buffer(weights.head_bytes());
  const std::uint8_t* const from = weights.head.data;
  auto* const to = buffer.as<std::uint8_t>();
  team.run([&](Worker& worker) {
    const Chunk rows = head_rows(weights.head, worker);
    const std::size_t row = weights.head.row_bytes();
    std::memcpy(to + rows.begin * row, from + rows.begin * row, (rows.end - rows.begin) * row);
  });
  weights.head.data = to;
  if (tied) weights.embedding.data = to;
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

Weights load_weights(const std::string& path, Team& team) {
  const auto storage = std::make_shared<Storage>(path);
  const std::span<const std::uint8_t> bytes = storage->file.bytes();
  const Gguf file = Gguf::parse(bytes, path);
  const Loader loader(file);
  Weights weights;
  weights.config = loader.config();
  const Config& config = weights.config;
  weights.source = path;
  weights.hash = hash_of(bytes, file);
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
      layer.site[s] = loader.ternary(block + site_name(site) + ".weight", shape.rows, shape.cols);
    }
    weights.layers.push_back(std::move(layer));
  }
  if (const TernaryTensor* bad = find_code_three(weights.layers, team)) {
    for (const GgufTensor& tensor : file.tensors()) {
      if (tensor.bytes.data() == bad->data) {
        loader.refuse(std::string(tensor.name),
                      "holds the code 3, which no ternary weight has; the file is damaged or its "
                      "matrices are not ternary");
      }
    }
  }
  place_head(weights, storage->head, team);
  weights.storage = storage;
  return weights;
}

}  // namespace ryz
