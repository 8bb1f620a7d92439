// libFuzzer target: whatever the bytes are, the parser returns a table of contents that lies inside
// them or throws InputError. Build with clang and RYZ_FUZZERS; gguf_seeds writes a corpus.
#include <cstdlib>

#include "model/errors.h"
#include "model/gguf.h"

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

bool inside(const void* p, std::size_t n, const std::uint8_t* data, std::size_t size) {
  const auto* at = static_cast<const std::uint8_t*>(p);
  return n == 0 || (at >= data && n <= size && at - data <= static_cast<std::ptrdiff_t>(size - n));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const ryz::Gguf file = ryz::Gguf::parse({data, size}, "fuzz");
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
    file.integer("bitnet-b1.58.block_count", 1);
    file.text("general.architecture");
  } catch (const ryz::InputError&) {
  }
  return 0;
}
