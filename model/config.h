// The shape of a BitNet b1.58 transformer, from a file's metadata or by a preset's name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ryz {

enum class FfnActivation : std::uint8_t {
  kSquaredRelu,  // bitnet-b1.58, bitnet-25: max(gate, 0)² · up
  kSilu,         // bitnet: gate / (1 + e^-gate) · up
};

struct Config {
  std::string arch = "bitnet-b1.58";
  std::string name;
  std::size_t embd = 0;  // model width
  std::size_t ffn = 0;   // inner width of the feed-forward layer
  std::size_t layers = 0;
  std::size_t heads = 0;     // query heads
  std::size_t kv_heads = 0;  // key/value heads; divides heads
  std::size_t vocab = 0;
  std::size_t context = 0;  // positions the model was made for
  float rope_base = 500000.0F;
  float rms_eps = 1e-5F;
  FfnActivation activation = FfnActivation::kSquaredRelu;

  std::size_t head_dim() const { return embd / heads; }
  std::size_t kv_width() const { return kv_heads * head_dim(); }
  std::size_t ternary_weights() const {
    return layers * (embd * (2 * embd + 2 * kv_width()) + 3 * embd * ffn);
  }
  std::size_t norm_bytes() const { return (layers * (3 * embd + ffn) + embd) * sizeof(float); }
  // Of one position's keys and values, in all layers.
  std::size_t kv_bytes() const { return 2 * layers * kv_width() * sizeof(float); }
};

// tiny, mini, small, 700m, bitnet-2b4t (alias 2b4t), 7b.
std::optional<Config> find_preset(std::string_view name);
std::vector<std::string> preset_names();

// Throws InputError (model/errors.h) naming the first field that is zero, does not divide, or
// would need more memory than any machine has.
void validate(const Config& config, const std::string& where);

}  // namespace ryz
