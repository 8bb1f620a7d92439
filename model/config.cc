#include "model/config.h"

#include <array>
#include <cmath>

#include "model/errors.h"

namespace ryz {
namespace {

struct Preset {
  const char* name;
  std::size_t embd, ffn, layers, heads, kv_heads, vocab;
};

constexpr std::array kPresets{
    Preset{"tiny", 256, 512, 2, 4, 2, 512},
    Preset{"mini", 512, 1536, 4, 8, 4, 1024},
    Preset{"small", 768, 2048, 6, 12, 4, 8192},
    Preset{"700m", 1536, 4096, 24, 16, 16, 32000},
    Preset{"bitnet-2b4t", 2560, 6912, 30, 20, 5, 128256},
    Preset{"7b", 4096, 11008, 32, 32, 32, 32000},
};

constexpr std::size_t kPresetContext = 4096;

// Products of this many columns cannot overflow int32: 128 · 2^24 = 2^31.
constexpr std::size_t kMaxWidth = (std::size_t{1} << 24) - 1;
constexpr std::size_t kMaxLayers = 1u << 16;
constexpr std::size_t kMaxVocab = std::size_t{1} << 31;  // token ids are int32
constexpr std::size_t kMaxContext = std::size_t{1} << 31;
// 2^44 ternary weights are 4 TiB at 2 bits.
constexpr std::size_t kMaxWeights = std::size_t{1} << 44;

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw InputError(where + ": " + why);
}

}  // namespace

std::optional<Config> find_preset(std::string_view name) {
  if (name == "2b4t") name = "bitnet-2b4t";
  for (const Preset& preset : kPresets) {
    if (preset.name != name) continue;
    Config config;
    config.name = preset.name;
    config.embd = preset.embd;
    config.ffn = preset.ffn;
    config.layers = preset.layers;
    config.heads = preset.heads;
    config.kv_heads = preset.kv_heads;
    config.vocab = preset.vocab;
    config.context = kPresetContext;
    return config;
  }
  return std::nullopt;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

void validate(const Config& config, const std::string& where) {
  struct Field {
    const char* name;
    std::size_t value, max;
  };
  const Field fields[] = {
      {"embedding_length", config.embd, kMaxWidth},
      {"feed_forward_length", config.ffn, kMaxWidth},
      {"block_count", config.layers, kMaxLayers},
      {"attention.head_count", config.heads, kMaxWidth},
      {"attention.head_count_kv", config.kv_heads, kMaxWidth},
      {"vocab_size", config.vocab, kMaxVocab},
      {"context_length", config.context, kMaxContext},
  };
  for (const Field& field : fields) {
    if (field.value == 0) refuse(where, std::string(field.name) + " is 0; it must be positive");
    if (field.value > field.max) {
      refuse(where, std::string(field.name) + " is " + std::to_string(field.value) +
                        ", more than any model this program can hold (" +
                        std::to_string(field.max) + ")");
    }
  }
  const auto divides = [&](const char* what, std::size_t value, const char* by_what,
                           std::size_t by) {
    if (value % by != 0) {
      refuse(where, std::string(what) + " (" + std::to_string(value) + ") is not a multiple of " +
                        by_what + std::to_string(by));
    }
  };
  divides("embedding_length", config.embd, "attention.head_count, ", config.heads);
  divides("attention.head_count", config.heads, "attention.head_count_kv, ", config.kv_heads);
  divides("the width of a head", config.head_dim(), "", 2);  // rotary pairs
  // A row of I2_S is whole blocks of 128 weights.
  divides("embedding_length", config.embd, "", 128);
  divides("feed_forward_length", config.ffn, "", 128);
  // Widths below 2^24 and at most 2^16 layers: no product below wraps in 64 bits.
  const std::size_t per_layer =
      config.embd * (2 * config.embd + 2 * config.kv_width()) + 3 * config.embd * config.ffn;
  if (per_layer > kMaxWeights / config.layers || config.vocab > kMaxWeights / config.embd) {
    refuse(where, "the shape asks for more weights than any machine can hold");
  }
  if (!std::isfinite(config.rope_base) || config.rope_base <= 0.0F) {
    refuse(where, "rope.freq_base is not a positive number");
  }
  if (!std::isfinite(config.rms_eps) || config.rms_eps <= 0.0F) {
    refuse(where, "attention.layer_norm_rms_epsilon is not a positive number");
  }
}

}  // namespace ryz
