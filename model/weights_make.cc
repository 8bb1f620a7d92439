// Random weights of a preset's shape. Every row is a random stream of its own, numbered by tensor
// and row, so that any thread can make any row.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/buffer.h"
#include "model/errors.h"
#include "model/fnv.h"
#include "model/head.h"
#include "model/q6k.h"
#include "model/q6k_tiles.h"
#include "model/random.h"
#include "model/weights.h"

namespace ryz {
namespace {

// Change this when the same seed begins to mean other weights.
constexpr std::uint64_t kFillVersion = 1;

// Stream numbers: tensor in the upper bits, row in the lower 32.
constexpr std::uint64_t kTensorsPerLayer = 16;  // 7 matrices, then 4 norms
std::uint64_t stream(std::size_t tensor, std::size_t row) {
  return static_cast<std::uint64_t>(tensor) << 32 | row;
}
std::size_t layer_tensor(std::size_t layer, std::size_t index) {
  return 1 + layer * kTensorsPerLayer + index;  // 0 is the embedding
}

// The 81 bytes that hold four codes below 3.
constexpr auto kFourTrits = [] {
  std::array<std::uint8_t, 81> bytes{};
  for (unsigned i = 0; i < 81; ++i) {
    bytes[i] = static_cast<std::uint8_t>(i % 3 | i / 3 % 3 << 2 | i / 9 % 3 << 4 | i / 27 << 6);
  }
  return bytes;
}();

void fill_ternary_row(Random random, std::uint8_t* out, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 4) {  // cols / 4 bytes: a multiple of 32
    const std::uint64_t bits = random.next();
    for (std::size_t j = 0; j < 4; ++j) {
      out[i + j] = kFourTrits[(bits >> (16 * j) & 0xffff) * 81 >> 16];
    }
  }
}

void fill_q6k_row(Random random, std::uint8_t* out, std::size_t blocks) {
  constexpr std::uint16_t kD = 0x0a8e;  // 2e-4
  for (std::size_t b = 0; b < blocks; ++b, out += kQ6kBlockBytes) {
    for (std::size_t i = 0; i < kQ6kScales; i += 8) {
      const std::uint64_t bits = random.next();
      std::memcpy(out + i, &bits, 8);
    }
    std::uint64_t bits = random.next();
    for (std::size_t i = kQ6kScales; i < kQ6kD; ++i, bits >>= 2) {
      out[i] = static_cast<std::uint8_t>(1 + (bits & 3));
    }
    out[kQ6kD] = kD & 0xff;
    out[kQ6kD + 1] = kD >> 8;
  }
}

std::vector<float> make_norm(Random random, std::size_t n) {
  std::vector<float> norm(n);
  for (float& w : norm) w = static_cast<float>(1.0 + 0.1 * random.normal());
  return norm;
}

std::uint64_t hash_of(const Config& c, std::uint64_t seed) {
  Fnv fnv;
  fnv.add(c.arch.data(), c.arch.size());
  for (const std::size_t n : {c.embd, c.ffn, c.layers, c.heads, c.kv_heads, c.vocab, c.context}) {
    fnv.add(n);
  }
  fnv.add(&c.rope_base, sizeof c.rope_base);
  fnv.add(&c.rms_eps, sizeof c.rms_eps);
  fnv.add(static_cast<std::uint64_t>(c.activation));
  fnv.add(seed);
  fnv.add(kFillVersion);
  return fnv.value();
}

}  // namespace

Weights make_weights(const Config& config, std::uint64_t seed, Team& team) {
  const std::string where = "preset " + (config.name.empty() ? "(unnamed)" : config.name);
  validate(config, where);
  if (config.embd % kQ6kBlock != 0) {
    throw InputError(where + ": embedding_length (" + std::to_string(config.embd) +
                     ") is not a multiple of 256, which a head in Q6_K needs");
  }
  Weights weights;
  weights.config = config;
  weights.source = config.name;
  weights.hash = hash_of(config, seed);

  auto storage = std::make_shared<std::vector<Buffer>>();
  weights.embedding = {nullptr, config.vocab, config.embd, RowFormat::kQ6K, RowLayout::kTiles};
  const std::size_t embedding_row = weights.embedding.row_bytes();
  std::uint8_t* const embedding =
      storage->emplace_back(weights.embedding.bytes()).as<std::uint8_t>();
  weights.embedding.data = embedding;
  weights.head = weights.embedding;
  weights.output_norm.assign(config.embd, 1.0F);

  // One buffer a layer, its matrices one after the other.
  weights.layers.resize(config.layers);
  std::vector<std::uint8_t*> starts(config.layers * kSites);
  for (std::size_t l = 0; l < config.layers; ++l) {
    Layer& layer = weights.layers[l];
    std::size_t bytes = 0;
    for (std::size_t s = 0; s < kSites; ++s) {
      const SiteShape shape = site_shape(config, static_cast<Site>(s));
      bytes += shape.rows * (shape.cols / 4);
    }
    auto* at = storage->emplace_back(bytes).as<std::uint8_t>();
    for (std::size_t s = 0; s < kSites; ++s) {
      const SiteShape shape = site_shape(config, static_cast<Site>(s));
      const auto scale =
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.cols) * 2 / 3));
      layer.site[s] = {at, shape.rows, shape.cols, scale};
      starts[l * kSites + s] = at;
      at += shape.rows * (shape.cols / 4);
    }
    const auto norm = [&](std::size_t index, std::size_t n) {
      return make_norm(Random(seed, stream(layer_tensor(l, kSites + index), 0)), n);
    };
    layer.attn_norm = norm(0, config.embd);
    layer.attn_sub_norm = norm(1, config.embd);
    layer.ffn_norm = norm(2, config.embd);
    layer.ffn_sub_norm = norm(3, config.ffn);
  }

  team.run([&](Worker& worker) {
    const auto rows = [&](std::size_t n, auto&& body) {
      const std::size_t end = n * (worker.index() + 1) / worker.count();
      for (std::size_t r = n * worker.index() / worker.count(); r < end; ++r) body(r);
    };
    // Each tile of the head by the worker that will read it.
    const Chunk mine = head_rows(weights.head, worker);
    const std::size_t blocks = config.embd / kQ6kBlock;
    std::vector<std::uint8_t> sixteen(kQ6kTileRows * embedding_row);
    for (std::size_t r = mine.begin; r < mine.end; r += kQ6kTileRows) {
      const std::size_t n = std::min(kQ6kTileRows, mine.end - r);
      for (std::size_t i = 0; i < n; ++i) {
        fill_q6k_row(Random(seed, stream(0, r + i)), sixteen.data() + i * embedding_row, blocks);
      }
      q6k_pack_rows(sixteen.data(), n, blocks,
                    embedding + r / kQ6kTileRows * q6k_tile_bytes(blocks));
    }
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const TernaryTensor& tensor = weights.layers[i / kSites].site[i % kSites];
      rows(tensor.rows, [&](std::size_t r) {
        fill_ternary_row(Random(seed, stream(layer_tensor(i / kSites, i % kSites), r)),
                         starts[i] + r * (tensor.cols / 4), tensor.cols / 4);
      });
    }
  });
  weights.storage = std::move(storage);
  return weights;
}

}  // namespace ryz
