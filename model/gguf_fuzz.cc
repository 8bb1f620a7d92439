// libFuzzer target: whatever the bytes are, the parser returns a table of contents that lies inside
// them or throws InputError; and what it returns is a model that can be read, or an InputError.
// Build with clang and RYZ_FUZZERS; gguf_seeds writes a corpus.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "model/errors.h"
#include "model/gguf.h"
#include "model/weights.h"

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

bool inside(const void* p, std::size_t n, const std::uint8_t* data, std::size_t size) {
  const auto* at = static_cast<const std::uint8_t*>(p);
  return n == 0 || (at >= data && n <= size && at - data <= static_cast<std::ptrdiff_t>(size - n));
}

// A table of contents alone is a few hundred bytes to mutate; a model's data are a hundred thousand
// that hardly matter. So the input is also read with this much of one byte behind it: trits,
// finite scales that are equal, finite norms.
constexpr std::size_t kMostContents = std::size_t{1} << 16;
constexpr std::size_t kData = std::size_t{112} << 10;
constexpr std::uint8_t kFiller = 0x55;

void check_contents(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* const data = bytes.data();
  const std::size_t size = bytes.size();
  try {
    const ryz::Gguf file = ryz::Gguf::parse(bytes, "fuzz");
    for (const ryz::GgufValue& value : file.values()) {
      must(inside(value.key.data(), value.key.size(), data, size));
      must(inside(value.text.data(), value.text.size(), data, size));
      must(file.find(value.key) == &value);
    }
    const ryz::GgufTensor* before = nullptr;
    for (const ryz::GgufTensor& tensor : file.tensors()) {
      must(inside(tensor.name.data(), tensor.name.size(), data, size));
      must(inside(tensor.bytes.data(), tensor.bytes.size(), data, size));
      must(file.find_tensor(tensor.name) == &tensor);
      must(before == nullptr || before->name < tensor.name);
      before = &tensor;
    }
    static ryz::Team team({1, {}});
    const ryz::Weights weights = ryz::view_weights(file, team);
    must(inside(weights.head.data, weights.head_bytes(), data, size));
    std::vector<float> row(weights.config.embd);
    weights.embedding.read_row(weights.config.vocab - 1, row.data());
    weights.head.read_row(weights.config.vocab - 1, row.data());
    std::vector<std::int8_t> trits(std::max(weights.config.embd, weights.config.ffn));
    for (const ryz::Layer& layer : weights.layers) {
      must(layer.ffn_sub_norm.size() == weights.config.ffn);
      for (const ryz::TernaryTensor& tensor : layer.site) {
        must(inside(tensor.data, tensor.bytes(), data, size));
        tensor.read_row(tensor.rows - 1, trits.data());
        must(std::all_of(trits.begin(), trits.begin() + static_cast<std::ptrdiff_t>(tensor.cols),
                         [](std::int8_t w) { return w >= -1 && w <= 1; }));
      }
    }
  } catch (const ryz::InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_contents({data, size});
  if (size > kMostContents) return 0;
  // The bytes end where the buffer does, so that a read behind them is seen.
  static std::vector<std::uint8_t> buffer(kMostContents + kData, kFiller);
  if (size > 0) std::memcpy(buffer.data() + kMostContents - size, data, size);
  check_contents({buffer.data() + kMostContents - size, size + kData});
  return 0;
}
