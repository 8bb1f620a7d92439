// Writes small GGUF files into a folder: the corpus that gguf_fuzz starts from.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "model/gguf_writer.h"

namespace {

// A small model's table of contents, without the data behind it: gguf_fuzz brings its own.
std::string contents_of(std::size_t width, const ryz::ModelFormat& format, const char* arch) {
  ryz::Config config;
  config.arch = arch;
  config.name = "seed";
  config.embd = width;
  config.ffn = width;
  config.layers = 1;
  config.heads = 4;
  config.kv_heads = 2;
  config.vocab = 8;
  config.context = 16;
  ryz::Weights weights;
  weights.config = config;
  const std::vector<std::uint8_t> rows(config.vocab * width * sizeof(float));
  weights.embedding = {rows.data(), config.vocab, width, ryz::RowFormat::kF16};
  weights.head = {rows.data() + 1, config.vocab, width, ryz::RowFormat::kQ80};
  weights.output_norm.resize(width);
  ryz::Layer layer;
  layer.attn_norm.resize(width);
  layer.attn_sub_norm.resize(width);
  layer.ffn_norm.resize(width);
  layer.ffn_sub_norm.resize(width);
  const std::vector<std::uint8_t> codes(width * width / 4, 0x55);
  for (std::size_t s = 0; s < ryz::kSites; ++s) {
    const ryz::SiteShape shape = site_shape(config, static_cast<ryz::Site>(s));
    layer.site[s] = {codes.data(), shape.rows, shape.cols, 0.5F, ryz::TernaryFormat::kI2S};
  }
  weights.layers.push_back(layer);
  std::ostringstream out;
  write_model(weights, out, format);
  const std::string file = out.str();
  return file.substr(
      0, ryz::Gguf::parse({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, "seed")
             .data_begin());
}

bool write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: gguf_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder(argv[1]);
  std::filesystem::create_directories(folder);

  ryz::GgufWriter keys;
  keys.add("general.architecture", std::string_view("bitnet-b1.58"));
  keys.add("general.alignment", std::uint32_t{64});
  keys.add("bitnet-b1.58.block_count", std::uint32_t{2});
  keys.add("f", 0.5F);
  const std::vector<std::string> words{"<s>", "", "token"};
  keys.add_array("tokenizer.ggml.tokens", words);
  const std::vector<float> scores{0.0F, 1.0F};
  keys.add_array("tokenizer.ggml.scores", scores);
  std::ofstream keys_file(folder / "keys.gguf", std::ios::binary);
  keys.write(keys_file);

  const std::vector<std::uint8_t> data(256, 0x55);
  ryz::GgufWriter tensors;
  const std::span<const std::uint8_t> bytes(data);
  tensors.add("general.architecture", std::string_view("bitnet"));
  tensors.add_tensor("norm", {8}, ryz::kGgmlF32, bytes.first(32));
  tensors.add_tensor("half", {4, 4}, ryz::kGgmlF16, bytes.first(32));
  tensors.add_tensor("q6k", {256, 1}, ryz::kGgmlQ6K, bytes.first(210));
  tensors.add_tensor("ternary", {128, 2}, ryz::kGgmlI2S, bytes.first(96));
  std::ofstream tensors_file(folder / "tensors.gguf", std::ios::binary);
  tensors.write(tensors_file);
  bool good = keys_file.good() && tensors_file.good();
  using ryz::TernaryFormat;
  good &= write_file(folder / "i2_s.gguf", contents_of(128, {}, "bitnet-b1.58"));
  good &= write_file(folder / "tq2_0.gguf", contents_of(256, {TernaryFormat::kTq2}, "bitnet"));
  good &= write_file(folder / "tq1_0.gguf", contents_of(256, {TernaryFormat::kTq1}, "bitnet"));
  return good ? 0 : 1;
}
