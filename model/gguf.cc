#include "model/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "model/errors.h"

namespace ryz {
namespace {

constexpr std::uint64_t kMinValueBytes = 8 + 4 + 1;           // empty key, type, one byte
constexpr std::uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;  // empty name, one dimension
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20;

struct TypeInfo {
  std::uint32_t type;
  const char* name;
  std::uint32_t block;  // elements
  std::uint32_t bytes;  // of a block
};
constexpr TypeInfo kTypes[] = {
    {0, "f32", 1, 4},       {1, "f16", 1, 2},       {2, "q4_0", 32, 18},    {3, "q4_1", 32, 20},
    {6, "q5_0", 32, 22},    {7, "q5_1", 32, 24},    {8, "q8_0", 32, 34},    {10, "q2_k", 256, 84},
    {11, "q3_k", 256, 110}, {12, "q4_k", 256, 144}, {13, "q5_k", 256, 176}, {14, "q6_k", 256, 210},
    {24, "i8", 1, 1},       {25, "i16", 1, 2},      {26, "i32", 1, 4},      {27, "i64", 1, 8},
    {28, "f64", 1, 8},      {30, "bf16", 1, 2},     {34, "tq1_0", 256, 54}, {35, "tq2_0", 256, 66},
    {36, "i2_s", 128, 32},
};

const TypeInfo* find_type(std::uint32_t type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return &info;
  }
  return nullptr;
}

// Bytes of a scalar, 0 for strings and arrays.
std::size_t scalar_bytes(GgufValueType type) {
  switch (type) {
    case GgufValueType::kU8:
    case GgufValueType::kI8:
    case GgufValueType::kBool:
      return 1;
    case GgufValueType::kU16:
    case GgufValueType::kI16:
      return 2;
    case GgufValueType::kU32:
    case GgufValueType::kI32:
    case GgufValueType::kF32:
      return 4;
    case GgufValueType::kU64:
    case GgufValueType::kI64:
    case GgufValueType::kF64:
      return 8;
    case GgufValueType::kString:
    case GgufValueType::kArray:
      return 0;
  }
  return 0;
}

bool is_integer(GgufValueType type) {
  return scalar_bytes(type) != 0 && type != GgufValueType::kF32 && type != GgufValueType::kF64 &&
         type != GgufValueType::kBool;
}

bool is_signed(GgufValueType type) {
  return type == GgufValueType::kI8 || type == GgufValueType::kI16 || type == GgufValueType::kI32 ||
         type == GgufValueType::kI64;
}

// Reads forward through the bytes; every refusal says which part of the file it was in.
class Cursor {
 public:
  Cursor(std::span<const std::uint8_t> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw InputError(where_ + ": " + (part_.empty() ? "" : part_ + ": ") + why);
  }
  void enter(std::string part) { part_ = std::move(part); }
  std::uint64_t left() const { return bytes_.size() - at_; }
  std::uint64_t position() const { return at_; }

  const std::uint8_t* take(std::uint64_t n) {
    if (n > left()) {
      refuse("needs " + std::to_string(n) + " bytes at offset " + std::to_string(at_) +
             ", but the file ends after " + std::to_string(left()) +
             "; it is cut short or damaged, fetch it again");
    }
    const std::uint8_t* p = bytes_.data() + at_;
    at_ += n;
    return p;
  }
  std::uint64_t unsigned_of(std::size_t n) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(n), n);  // little-endian, as this CPU
    return value;
  }
  std::uint32_t u32() { return static_cast<std::uint32_t>(unsigned_of(4)); }
  std::uint64_t u64() { return unsigned_of(8); }
  std::string_view string() {
    const std::uint64_t n = u64();
    return {reinterpret_cast<const char*>(take(n)), static_cast<std::size_t>(n)};
  }
  // A count of things that take at least `each` bytes: what cannot be there is refused before
  // anything is reserved for it.
  std::uint64_t count(const char* of, std::uint64_t each) {
    const std::uint64_t n = u64();
    if (n > left() / each) {
      refuse("claims " + std::to_string(n) + " " + of + ", more than its " +
             std::to_string(left()) + " remaining bytes can hold; it is damaged");
    }
    return n;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  const std::string& where_;
  std::string part_;
  std::uint64_t at_ = 0;
};

GgufValueType read_type(Cursor& cursor) {
  const std::uint32_t type = cursor.u32();
  if (type > static_cast<std::uint32_t>(GgufValueType::kF64)) {
    cursor.refuse("has value type " + std::to_string(type) + ", which GGUF does not define");
  }
  return static_cast<GgufValueType>(type);
}

std::uint64_t read_scalar(Cursor& cursor, GgufValueType type) {
  const std::size_t n = scalar_bytes(type);
  std::uint64_t bits = cursor.unsigned_of(n);
  if (is_signed(type) && n < 8) {
    const std::size_t shift = 64 - 8 * n;
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << shift) >> shift);
  }
  return bits;
}

GgufValue read_value(Cursor& cursor, std::uint64_t index) {
  GgufValue value;
  cursor.enter("key number " + std::to_string(index + 1));
  value.key = cursor.string();
  cursor.enter("key '" + printable(value.key) + "'");
  value.type = read_type(cursor);
  if (value.type == GgufValueType::kString) {
    value.text = cursor.string();
  } else if (value.type == GgufValueType::kArray) {
    value.element = read_type(cursor);
    if (value.element == GgufValueType::kArray) {
      cursor.refuse("is an array of arrays, which no model file needs and this program refuses");
    }
    const std::size_t each = scalar_bytes(value.element);
    value.count = cursor.count("elements", each == 0 ? 8 : each);
    if (each != 0) {
      cursor.take(value.count * each);
    } else {
      for (std::uint64_t i = 0; i < value.count; ++i) cursor.string();
    }
  } else {
    value.bits = read_scalar(cursor, value.type);
  }
  return value;
}

struct Located {
  GgufTensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

Located read_tensor(Cursor& cursor, std::uint64_t index) {
  Located located;
  GgufTensor& tensor = located.tensor;
  cursor.enter("tensor number " + std::to_string(index + 1));
  tensor.name = cursor.string();
  cursor.enter("tensor '" + printable(tensor.name) + "'");
  const std::uint32_t rank = cursor.u32();
  if (rank == 0 || rank > tensor.dims.size()) {
    cursor.refuse("has " + std::to_string(rank) + " dimensions; 1 to 4 are possible");
  }
  tensor.rank = rank;
  std::uint64_t elements = 1;
  for (std::uint32_t d = 0; d < rank; ++d) {
    tensor.dims[d] = cursor.u64();
    if (tensor.dims[d] == 0) cursor.refuse("has a dimension of 0");
    if (__builtin_mul_overflow(elements, tensor.dims[d], &elements)) {
      cursor.refuse("has dimensions whose product does not fit 64 bits; it is damaged");
    }
  }
  tensor.type = cursor.u32();
  if (find_type(tensor.type) == nullptr) {
    cursor.refuse("has " + ggml_type_name(tensor.type) +
                  ", which this program does not know; convert the model to I2_S or TQ2_0");
  }
  const std::optional<std::uint64_t> bytes = ggml_bytes(tensor.type, tensor.dims[0], elements);
  if (!bytes) {
    cursor.refuse("has rows of " + std::to_string(tensor.dims[0]) +
                  " elements, which are not whole blocks of " + ggml_type_name(tensor.type) +
                  ", or too many of them");
  }
  located.bytes = *bytes;
  located.offset = cursor.u64();
  return located;
}

template <class Entry, class Name>
void refuse_duplicates(const std::vector<Entry>& sorted, Name name, const char* what,
                       const std::string& where) {
  const auto twice =
      std::adjacent_find(sorted.begin(), sorted.end(),
                         [&](const auto& a, const auto& b) { return name(a) == name(b); });
  if (twice != sorted.end()) {
    throw InputError(where + ": " + what + " '" + printable(name(*twice)) +
                     "' is there twice; the file is damaged or was put together wrongly");
  }
}

// Gives every tensor its bytes, after checking that they lie in the file and are nobody else's.
void place_tensors(std::vector<Located>& located, std::span<const std::uint8_t> data,
                   std::uint64_t alignment, const std::string& where) {
  std::sort(located.begin(), located.end(),
            [](const Located& a, const Located& b) { return a.offset < b.offset; });
  std::uint64_t end = 0;
  const Located* before = nullptr;
  for (Located& l : located) {
    const auto refuse = [&](const std::string& why) {
      throw InputError(where + ": tensor '" + printable(l.tensor.name) + "' " + why);
    };
    if (l.offset % alignment != 0) {
      refuse("begins at offset " + std::to_string(l.offset) + ", not a multiple of " +
             std::to_string(alignment));
    }
    if (l.offset > data.size() || l.bytes > data.size() - l.offset) {
      refuse("needs " + std::to_string(l.bytes) + " bytes from offset " + std::to_string(l.offset) +
             ", but the file holds only " + std::to_string(data.size()) +
             " bytes of tensors; it is cut short or damaged, fetch it again");
    }
    if (before != nullptr && l.offset < end) {
      refuse("overlaps tensor '" + printable(before->tensor.name) + "'; the file is damaged");
    }
    end = l.offset + l.bytes;
    l.tensor.bytes = data.subspan(l.offset, l.bytes);
    before = &l;
  }
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return text.size() > kLongest ? out + "..." : out;
}

std::string ggml_type_name(std::uint32_t type) {
  const TypeInfo* info = find_type(type);
  return info != nullptr ? info->name : "type " + std::to_string(type);
}

std::optional<std::uint64_t> ggml_bytes(std::uint32_t type, std::uint64_t row,
                                        std::uint64_t elements) {
  const TypeInfo* info = find_type(type);
  if (info == nullptr || row % info->block != 0) return std::nullopt;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / info->block, std::uint64_t{info->bytes}, &bytes)) {
    return std::nullopt;
  }
  // I2_S: one f32 scale behind the codes, padded to 32 bytes.
  if (type == kGgmlI2S && __builtin_add_overflow(bytes, std::uint64_t{32}, &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

Gguf Gguf::parse(std::span<const std::uint8_t> bytes, const std::string& where) {
  static_assert(std::endian::native == std::endian::little);
  Gguf file;
  file.where_ = where;
  Cursor cursor(bytes, file.where_);
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0) {
    cursor.refuse("does not begin with 'GGUF': it is no GGUF model file");
  }
  cursor.enter("header");
  cursor.take(4);
  file.version_ = cursor.u32();
  if (file.version_ != 0 && (file.version_ & 0xffffu) == 0) {
    cursor.refuse("is big-endian; convert the model to little-endian GGUF");
  }
  if (file.version_ != 2 && file.version_ != 3) {
    cursor.refuse("has GGUF version " + std::to_string(file.version_) +
                  "; this program reads 2 and 3");
  }
  const std::uint64_t tensors = cursor.count("tensors", kMinTensorBytes);
  const std::uint64_t values = cursor.count("keys", kMinValueBytes);
  for (std::uint64_t i = 0; i < values; ++i) file.values_.push_back(read_value(cursor, i));
  std::sort(file.values_.begin(), file.values_.end(),
            [](const GgufValue& a, const GgufValue& b) { return a.key < b.key; });
  refuse_duplicates(
      file.values_, [](const GgufValue& v) { return v.key; }, "key", where);

  cursor.enter("");
  const std::uint64_t alignment = file.integer("general.alignment", 32);
  if (alignment < 8 || alignment > kMaxAlignment || !std::has_single_bit(alignment)) {
    cursor.refuse("key 'general.alignment' is " + std::to_string(alignment) +
                  "; a power of two from 8 to " + std::to_string(kMaxAlignment) + " is possible");
  }
  std::vector<Located> located;
  for (std::uint64_t i = 0; i < tensors; ++i) located.push_back(read_tensor(cursor, i));
  cursor.enter("");
  std::uint64_t begin = (cursor.position() + alignment - 1) / alignment * alignment;
  if (begin > bytes.size()) begin = bytes.size();  // no data: any tensor will say so
  file.data_begin_ = begin;
  place_tensors(located, bytes.subspan(begin), alignment, where);
  for (Located& l : located) file.tensors_.push_back(l.tensor);
  std::sort(file.tensors_.begin(), file.tensors_.end(),
            [](const GgufTensor& a, const GgufTensor& b) { return a.name < b.name; });
  refuse_duplicates(
      file.tensors_, [](const GgufTensor& t) { return t.name; }, "tensor", where);
  return file;
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto it =
      std::lower_bound(values_.begin(), values_.end(), key,
                       [](const GgufValue& v, std::string_view k) { return v.key < k; });
  return it != values_.end() && it->key == key ? &*it : nullptr;
}

const GgufTensor* Gguf::find_tensor(std::string_view name) const {
  const auto it =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const GgufTensor& t, std::string_view n) { return t.name < n; });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

std::uint64_t Gguf::integer(std::string_view key, std::optional<std::uint64_t> otherwise) const {
  const GgufValue* value = find(key);
  const std::string what = where_ + ": key '" + std::string(key) + "' ";
  if (value == nullptr) {
    if (otherwise) return *otherwise;
    throw InputError(what + "is missing; this is not a complete model file of its kind");
  }
  if (!is_integer(value->type)) throw InputError(what + "is not an integer");
  if (is_signed(value->type) && static_cast<std::int64_t>(value->bits) < 0) {
    throw InputError(what + "is negative");
  }
  return value->bits;
}

float Gguf::real(std::string_view key, std::optional<float> otherwise) const {
  const GgufValue* value = find(key);
  const std::string what = where_ + ": key '" + std::string(key) + "' ";
  if (value == nullptr) {
    if (otherwise) return *otherwise;
    throw InputError(what + "is missing; this is not a complete model file of its kind");
  }
  if (value->type == GgufValueType::kF32) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value->bits));
  }
  throw InputError(what + "is not a 32-bit real number");
}

std::string_view Gguf::text(std::string_view key) const {
  const GgufValue* value = find(key);
  const std::string what = where_ + ": key '" + std::string(key) + "' ";
  if (value == nullptr) {
    throw InputError(what + "is missing; this is not a complete model file of its kind");
  }
  if (value->type != GgufValueType::kString) throw InputError(what + "is not a string");
  return value->text;
}

}  // namespace ryz
