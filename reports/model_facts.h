// What `ryz-lab info` says of a model: what lies in the file, what its weights are like, what each
// encoding would need, and how fast this machine's memory lets it be at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ryz::report {

// Tensors of one role: the matrices of one site in every layer, the embedding, a kind of norm.
struct TensorFacts {
  std::string name;  // "blk.*.attn_q.weight"
  std::string format;
  std::uint64_t count = 0;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t bytes = 0;  // of all of them
  // Ternary matrices only.
  std::optional<double> zero_share;
  std::optional<double> entropy_bits;  // a weight
};

struct EncodingFacts {
  std::string encoding;
  double bits_per_weight = 0.0;
  std::uint64_t packed_bytes = 0;     // padding included
  std::uint64_t table_bytes = 0;      // for the widest product, one token; or shared by all
  std::uint64_t bytes_per_token = 0;  // packed weights, head and norms: what a decoded token reads
  std::optional<double> limit_tok_per_s;
  std::string limit_reason;  // why there is none
};

struct ModelFacts {
  std::string source, arch, name, activation;
  std::uint64_t hash = 0;
  std::uint64_t file_bytes = 0;  // 0 for a preset
  std::uint64_t embd = 0, ffn = 0, layers = 0, heads = 0, kv_heads = 0, vocab = 0, context = 0;
  double rope_base = 0.0, rms_eps = 0.0;
  bool tied_head = false;
  std::vector<TensorFacts> tensors;
  std::uint64_t ternary_weights = 0;
  double zero_share = 0.0;
  double entropy_bits = 0.0;                // a weight, of all matrices together
  std::uint64_t kv_bytes_per_position = 0;  // a token reads this for each token before it
  std::uint64_t as_found_bytes = 0;         // of tables, had every row and group one of its own
  std::vector<EncodingFacts> encodings;
  unsigned threads = 0;
  std::optional<double> read_gb_per_s;
  std::string read_gb_per_s_reason;
};

std::string to_json(const ModelFacts& facts);

// No line longer than `width`, where that is possible.
std::string render_model_facts(const ModelFacts& facts, unsigned width, bool color);

}  // namespace ryz::report
