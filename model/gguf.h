// GGUF, versions 2 and 3, little-endian: a table of contents of untrusted bytes.
//   magic "GGUF", u32 version, u64 tensors, u64 pairs;
//   pairs:   string key, u32 type, value (a string is u64 length and bytes; an array is u32
//            element type, u64 count, elements);
//   tensors: string name, u32 dimensions (fastest first), u64 each, u32 type, u64 offset;
//   zeros to a multiple of general.alignment (32), then the data that offsets count from.
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ryz {

enum class GgufValueType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

// Tensor types by their GGML numbers: those this program reads.
enum GgmlType : std::uint32_t {
  kGgmlF32 = 0,
  kGgmlF16 = 1,
  kGgmlQ80 = 8,
  kGgmlQ6K = 14,
  kGgmlBF16 = 30,
  kGgmlTq1 = 34,  // TQ1_0
  kGgmlTq2 = 35,  // TQ2_0
  kGgmlI2S = 36,
};
std::string ggml_type_name(std::uint32_t type);  // "q6_k", or "type 77"

// Bytes of a tensor of `elements` in rows of `row`; nothing where the type is unknown, rows are
// not whole blocks, or the size does not fit 64 bits.
std::optional<std::uint64_t> ggml_bytes(std::uint32_t type, std::uint64_t row,
                                        std::uint64_t elements);

// A key's value; views lie in the parsed bytes.
struct GgufValue {
  std::string_view key;
  GgufValueType type = GgufValueType::kU8;
  std::uint64_t bits = 0;  // integers and booleans, extended to 64 bits; floats as their bits
  std::string_view text;   // strings
  GgufValueType element = GgufValueType::kU8;  // arrays
  std::uint64_t count = 0;
};

struct GgufTensor {
  std::string_view name;
  std::array<std::uint64_t, 4> dims{1, 1, 1, 1};  // fastest first
  std::size_t rank = 0;
  std::uint32_t type = 0;
  std::span<const std::uint8_t> bytes;
};

// Names of untrusted origin as they may be printed: cut short, control characters replaced.
std::string printable(std::string_view text);

class Gguf {
 public:
  // Checks every count, length, offset and size before it is used; throws InputError that begins
  // with `where`. Needs memory in proportion to the number of entries that are really there.
  static Gguf parse(std::span<const std::uint8_t> bytes, const std::string& where);

  const GgufValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;
  const std::vector<GgufValue>& values() const { return values_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  std::uint32_t version() const { return version_; }
  std::size_t data_begin() const { return data_begin_; }  // bytes before the tensors' data

  // The value as the asked type; throws InputError where it is missing (unless `otherwise` is
  // given), has another type, or is negative.
  std::uint64_t integer(std::string_view key, std::optional<std::uint64_t> otherwise = {}) const;
  float real(std::string_view key, std::optional<float> otherwise = {}) const;
  std::string_view text(std::string_view key) const;

  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::uint32_t version_ = 0;
  std::size_t data_begin_ = 0;
  std::vector<GgufValue> values_;    // sorted by key
  std::vector<GgufTensor> tensors_;  // sorted by name
};

}  // namespace ryz
