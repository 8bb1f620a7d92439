// Writes GGUF version 3 (see gguf.h): keys and tensors in the order they were added. Tensor bytes
// are referred to, not copied, and must live until write(); or made when they are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf.h"
#include "model/weights.h"

namespace ryz {

class GgufWriter {
 public:
  void add(std::string_view key, std::uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, std::string_view value);
  void add_array(std::string_view key, std::span<const std::string> values);
  void add_array(std::string_view key, std::span<const float> values);
  // Any value by its type number and bytes: also what no reader should accept.
  void add_raw(std::string_view key, std::uint32_t type, std::string_view bytes);

  // `dims` fastest first. The data is `bytes` and then `trailer`.
  void add_tensor(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type,
                  std::span<const std::uint8_t> bytes, std::vector<std::uint8_t> trailer = {});

  // The same with data that does not exist yet: `make` writes exactly `size` bytes.
  using Make = std::function<void(std::ostream& out)>;
  void add_made_tensor(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type,
                       std::uint64_t size, Make make);

  // The caller checks the stream.
  void write(std::ostream& out) const;

 private:
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;
    std::uint32_t type;
    std::uint64_t size;
    Make make;
  };
  std::string values_;
  std::uint64_t value_count_ = 0;
  std::vector<Tensor> tensors_;
};

struct ModelFormat {
  TernaryFormat ternary = TernaryFormat::kI2S;
  // Other programs refuse a file without a tokenizer: a SentencePiece vocabulary of byte tokens
  // and made-up words, good for token ids only.
  bool placeholder_tokenizer = false;
};

// A model as load_weights() reads it: norms in f32, embedding and head as they are. Formats with
// block scales keep a matrix's scale as a half.
void write_model(const Weights& weights, std::ostream& out, const ModelFormat& format = {});

}  // namespace ryz
