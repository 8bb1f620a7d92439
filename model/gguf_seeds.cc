// Writes small GGUF files into a folder: the corpus that gguf_fuzz starts from.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "model/gguf_writer.h"

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
  return keys_file.good() && tensors_file.good() ? 0 : 1;
}
