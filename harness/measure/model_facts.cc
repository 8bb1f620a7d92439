#include "harness/measure/model_facts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/mapped_file.h"

namespace ryz {
namespace {

using report::EncodingFacts;
using report::TensorFacts;

std::uint64_t packed_bytes(const Weights& weights, const Encoding& encoding) {
  std::uint64_t bytes = 0;
  for (const Layer& layer : weights.layers) {
    for (const TernaryTensor& t : layer.site) {
      bytes += (t.rows + encoding.row_tile - 1) / encoding.row_tile * encoding.tile_bytes(t.cols);
    }
  }
  return bytes;
}

TensorFacts facts_of(const std::string& name, const RowTensor& t) {
  return {name, row_format_name(t.format), 1, t.rows, t.cols, t.rows * t.row_bytes(), {}, {}};
}

TensorFacts norm_facts(const std::string& name, std::uint64_t count, std::uint64_t width) {
  return {name, "f32", count, 1, width, count * width * sizeof(float), {}, {}};
}

}  // namespace

double TritCounts::zero_share() const {
  return all() == 0 ? 0.0 : static_cast<double>(zero) / static_cast<double>(all());
}

double TritCounts::entropy_bits() const {
  double bits = 0.0;
  for (const std::uint64_t n : {minus, zero, plus}) {
    if (n == 0) continue;
    const double p = static_cast<double>(n) / static_cast<double>(all());
    bits -= p * std::log2(p);
  }
  return bits;
}

void TritCounts::add(const TritCounts& other) {
  minus += other.minus;
  zero += other.zero;
  plus += other.plus;
}

TritCounts count_trits(const TernaryTensor& tensor, Team& team) {
  std::vector<TritCounts> counts(team.size());
  team.run([&](Worker& worker) {
    std::vector<std::int8_t> trits(tensor.cols);
    std::uint64_t nonzero = 0;
    std::int64_t sum = 0;
    const std::size_t begin = tensor.rows * worker.index() / worker.count();
    const std::size_t end = tensor.rows * (worker.index() + 1) / worker.count();
    for (std::size_t r = begin; r < end; ++r) {
      tensor.read_row(r, trits.data());
      // Rows have fewer than 2^24 weights.
      std::int32_t row_nonzero = 0;
      std::int32_t row_sum = 0;
      for (const std::int8_t w : trits) {
        row_nonzero += w * w;
        row_sum += w;
      }
      nonzero += static_cast<std::uint64_t>(row_nonzero);
      sum += row_sum;
    }
    const auto plus = static_cast<std::uint64_t>((static_cast<std::int64_t>(nonzero) + sum) / 2);
    counts[worker.index()] = {nonzero - plus, (end - begin) * tensor.cols - nonzero, plus};
  });
  TritCounts total;
  for (const TritCounts& c : counts) total.add(c);
  return total;
}

report::ModelFacts model_facts(const Weights& weights, const Catalogue& catalogue, Team& team) {
  const Config& c = weights.config;
  report::ModelFacts f;
  f.source = weights.source;
  f.arch = c.arch;
  f.name = c.name;
  f.hash = weights.hash;
  f.file_bytes = weights.file == nullptr ? 0 : weights.file->bytes().size();
  f.embd = c.embd;
  f.ffn = c.ffn;
  f.layers = c.layers;
  f.heads = c.heads;
  f.kv_heads = c.kv_heads;
  f.vocab = c.vocab;
  f.context = c.context;
  f.activation = c.activation == FfnActivation::kSilu ? "SiLU" : "squared ReLU";
  f.rope_base = c.rope_base;
  f.rms_eps = c.rms_eps;
  f.tied_head = weights.head.data == weights.embedding.data;
  f.kv_bytes_per_position = c.kv_bytes();

  f.tensors.push_back(facts_of("token_embd.weight", weights.embedding));
  if (!f.tied_head) f.tensors.push_back(facts_of("output.weight", weights.head));
  f.tensors.push_back(norm_facts("output_norm.weight", 1, c.embd));
  f.tensors.push_back(norm_facts("blk.*.attn_norm.weight", c.layers, c.embd));
  f.tensors.push_back(norm_facts("blk.*.attn_sub_norm.weight", c.layers, c.embd));
  f.tensors.push_back(norm_facts("blk.*.ffn_norm.weight", c.layers, c.embd));
  f.tensors.push_back(norm_facts("blk.*.ffn_sub_norm.weight", c.layers, c.ffn));
  // What a token reads besides the matrices, before there are others.
  const std::uint64_t other_bytes = weights.head_bytes() + c.norm_bytes();
  TritCounts all;
  for (std::size_t s = 0; s < kSites; ++s) {
    TritCounts counts;
    TensorFacts t;
    t.name = std::string("blk.*.") + site_name(static_cast<Site>(s)) + ".weight";
    for (const Layer& layer : weights.layers) {
      const TernaryTensor& tensor = layer.site[s];
      counts.add(count_trits(tensor, team));
      const std::string format = ternary_format_name(tensor.format);
      t.format = t.count == 0 || t.format == format ? format : "mixed";
      t.rows = tensor.rows;
      t.cols = tensor.cols;
      t.bytes += tensor.bytes();
      ++t.count;
    }
    t.zero_share = counts.zero_share();
    t.entropy_bits = counts.entropy_bits();
    f.tensors.push_back(std::move(t));
    all.add(counts);
  }
  weights.check_source();
  f.ternary_weights = all.all();
  f.zero_share = all.zero_share();
  f.entropy_bits = all.entropy_bits();
  f.as_found_bytes = static_cast<std::uint64_t>(kAsFoundTableBytesPerWeight *
                                                static_cast<double>(f.ternary_weights));
  for (const Encoding* encoding : catalogue.encodings) {
    EncodingFacts e;
    e.encoding = encoding->name;
    e.bits_per_weight = encoding->bits_per_weight;
    e.packed_bytes = packed_bytes(weights, *encoding);
    e.table_bytes = encoding->activation_table_bytes != nullptr
                        ? encoding->activation_table_bytes(std::max(c.embd, c.ffn))
                        : encoding->shared_table_bytes;
    e.bytes_per_token = e.packed_bytes + other_bytes;
    e.limit_reason = "the bandwidth was not measured";
    f.encodings.push_back(std::move(e));
  }
  return f;
}

void add_limits(report::ModelFacts& facts, double gb_per_s, std::uint64_t cache_bytes) {
  facts.read_gb_per_s = gb_per_s;
  for (EncodingFacts& e : facts.encodings) {
    if (e.bytes_per_token <= cache_bytes) {
      e.limit_reason = "what a token reads fits the last-level cache";
      continue;
    }
    e.limit_tok_per_s = gb_per_s * 1e9 / static_cast<double>(e.bytes_per_token);
  }
}

}  // namespace ryz
