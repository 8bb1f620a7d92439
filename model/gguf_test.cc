#include "model/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "model/errors.h"
#include "model/gguf_writer.h"
#include "model/mapped_file.h"

namespace ryz {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes written(const GgufWriter& writer) {
  std::ostringstream out;
  writer.write(out);
  const std::string text = out.str();
  return {text.begin(), text.end()};
}

// Two keys and two tensors; the second tensor begins at offset 64 of the data.
struct Sample {
  std::vector<float> floats = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  Bytes codes = Bytes(64, 0x55);

  GgufWriter writer() const {
    GgufWriter w;
    w.add("general.architecture", std::string_view("bitnet"));
    w.add("n", std::uint32_t{7});
    w.add("f", 0.5F);
    const std::vector<std::string> words{"a", "", "ccc"};
    w.add_array("words", words);
    w.add_array("numbers", floats);
    w.add_tensor("norm", {9}, kGgmlF32,
                 {reinterpret_cast<const std::uint8_t*>(floats.data()), floats.size() * 4});
    w.add_tensor("matrix", {128, 2}, kGgmlI2S, codes, Bytes(32, 1));
    return w;
  }
};

std::string refusal(const Bytes& bytes) {
  try {
    Gguf::parse(bytes, "model.gguf");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const Bytes& bytes, const std::string& why) {
  const std::string message = refusal(bytes);
  EXPECT_TRUE(message.starts_with("model.gguf: ")) << message;
  EXPECT_NE(message.find(why), std::string::npos) << "'" << message << "' lacks '" << why << "'";
}

// The bytes with `value` written over the place where `before` ends, counted from the first place
// `before` is found.
template <class T>
Bytes patched(Bytes bytes, std::string_view before, T value) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at = all.find(before);
  EXPECT_NE(at, std::string_view::npos) << before;
  std::memcpy(bytes.data() + at + before.size(), &value, sizeof value);
  return bytes;
}
template <class T>
Bytes patched_at(Bytes bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

TEST(Gguf, ReadsWhatTheWriterWrote) {
  const Sample sample;
  const Bytes bytes = written(sample.writer());
  const Gguf file = Gguf::parse(bytes, "x");
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.text("general.architecture"), "bitnet");
  EXPECT_EQ(file.integer("n"), 7u);
  EXPECT_EQ(file.integer("absent", 5), 5u);
  EXPECT_EQ(file.real("f"), 0.5F);
  ASSERT_NE(file.find("words"), nullptr);
  EXPECT_EQ(file.find("words")->count, 3u);
  EXPECT_EQ(file.find("numbers")->element, GgufValueType::kF32);
  const GgufTensor* norm = file.find_tensor("norm");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->rank, 1u);
  EXPECT_EQ(norm->dims[0], 9u);
  EXPECT_EQ(norm->bytes.size(), 36u);
  std::vector<float> values(9);
  std::memcpy(values.data(), norm->bytes.data(), 36);
  EXPECT_EQ(values, sample.floats);
  const GgufTensor* matrix = file.find_tensor("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->bytes.size(), 96u);
  EXPECT_EQ(matrix->bytes[0], 0x55);
  EXPECT_EQ(matrix->bytes[64], 1);
  EXPECT_EQ((matrix->bytes.data() - bytes.data()) % 32, 0);
}

TEST(Gguf, MissingOrMistypedKeysAreNamed) {
  const Bytes bytes = written(Sample().writer());
  const Gguf file = Gguf::parse(bytes, "x");
  EXPECT_THROW(file.integer("absent"), InputError);
  EXPECT_THROW(file.integer("f"), InputError);
  EXPECT_THROW(file.integer("general.architecture"), InputError);
  EXPECT_THROW(file.real("n"), InputError);
  EXPECT_THROW(file.text("n"), InputError);
  GgufWriter w;
  w.add_raw("negative", static_cast<std::uint32_t>(GgufValueType::kI8), "\xff");
  w.add_raw("long", static_cast<std::uint32_t>(GgufValueType::kU64),
            std::string_view("\1\0\0\0\1\0\0\0", 8));
  const Bytes more = written(w);
  const Gguf second = Gguf::parse(more, "x");
  EXPECT_THROW(second.integer("negative"), InputError);
  EXPECT_EQ(second.integer("long"), 0x100000001u);
}

TEST(Gguf, EveryTruncationIsRefusedOrRead) {
  const Bytes bytes = written(Sample().writer());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    // A copy of its own size, so that a sanitizer sees the first byte read past the end.
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_NE(refusal(cut), "") << n << " of " << bytes.size() << " bytes";
  }
  EXPECT_EQ(refusal(bytes), "");
}

TEST(Gguf, EveryDamagedByteIsRefusedOrRead) {
  const Bytes bytes = written(Sample().writer());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      refusal(patched_at(bytes, i, value));
    }
  }
}

TEST(Gguf, HeaderIsChecked) {
  const Bytes bytes = written(Sample().writer());
  expect_refused(patched_at(bytes, 0, 'X'), "does not begin with 'GGUF'");
  expect_refused(patched_at(bytes, 4, std::uint32_t{1}), "version 1");
  expect_refused(patched_at(bytes, 4, std::uint32_t{4}), "version 4");
  expect_refused(patched_at(bytes, 4, std::uint32_t{0x03000000}), "big-endian");
  expect_refused(patched_at(bytes, 8, ~std::uint64_t{0}), "tensors, more than");
  expect_refused(patched_at(bytes, 16, ~std::uint64_t{0}), "keys, more than");
  EXPECT_EQ(refusal(patched_at(bytes, 4, std::uint32_t{2})), "");
}

TEST(Gguf, LengthsAreChecked) {
  const Bytes bytes = written(Sample().writer());
  expect_refused(patched_at(bytes, 24, ~std::uint64_t{0}), "key number 1: needs");
  const std::string arch("general.architecture\x08\0\0\0", 24);
  expect_refused(patched(bytes, arch, ~std::uint64_t{0}), "'general.architecture': needs");
  expect_refused(patched(bytes, arch, std::uint64_t{1} << 32), "the file ends after");
  const std::string key("words\x09\0\0\0", 9);
  expect_refused(patched(bytes, key, std::uint32_t{9}), "array of arrays");
  expect_refused(patched(bytes, key, std::uint32_t{13}), "value type 13");
  const std::string elements("words\x09\0\0\0\x08\0\0\0", 13);
  expect_refused(patched(bytes, elements, ~std::uint64_t{0}), "elements, more than");
  expect_refused(patched(bytes, elements, std::uint64_t{4}), "key");
}

TEST(Gguf, TensorsAreChecked) {
  const Bytes bytes = written(Sample().writer());
  const auto at = [](std::string_view name, std::initializer_list<std::uint64_t> dims) {
    std::string s(name);
    const auto rank = static_cast<std::uint32_t>(dims.size());
    s.append(reinterpret_cast<const char*>(&rank), 4);
    for (const std::uint64_t d : dims) s.append(reinterpret_cast<const char*>(&d), 8);
    return s;
  };
  expect_refused(patched(bytes, "matrix", std::uint32_t{0}), "0 dimensions");
  expect_refused(patched(bytes, "matrix", std::uint32_t{5}), "5 dimensions");
  expect_refused(
      patched(bytes, at("matrix", {}).substr(0, 6) + std::string("\2\0\0\0", 4), ~std::uint64_t{0}),
      "does not fit 64 bits");
  expect_refused(patched(bytes, "matrix" + std::string("\2\0\0\0", 4), std::uint64_t{0}),
                 "dimension of 0");
  expect_refused(patched(bytes, "matrix" + std::string("\2\0\0\0", 4), std::uint64_t{100}),
                 "not whole blocks");
  expect_refused(patched(bytes, "matrix" + std::string("\2\0\0\0", 4), std::uint64_t{1} << 40),
                 "the file holds only");
  expect_refused(patched(bytes, at("matrix", {128, 2}), std::uint32_t{77}), "type 77");
  std::string offset = at("matrix", {128, 2});
  offset.append("\x24\0\0\0", 4);
  expect_refused(patched(bytes, offset, std::uint64_t{32}), "overlaps tensor 'norm'");
  expect_refused(patched(bytes, offset, std::uint64_t{0}), "overlaps");
  expect_refused(patched(bytes, offset, std::uint64_t{33}), "not a multiple of 32");
  expect_refused(patched(bytes, offset, std::uint64_t{1} << 63), "the file holds only");
  expect_refused(patched(bytes, offset, ~std::uint64_t{31}), "the file holds only");
}

TEST(Gguf, NamesMayNotRepeat) {
  GgufWriter keys;
  keys.add("same", std::uint32_t{1});
  keys.add("other", std::uint32_t{1});
  keys.add("same", std::uint32_t{2});
  expect_refused(written(keys), "key 'same' is there twice");
  const Bytes data(4, 0);
  GgufWriter tensors;
  tensors.add_tensor("same", {1}, kGgmlF32, data);
  tensors.add_tensor("same", {1}, kGgmlF32, data);
  expect_refused(written(tensors), "tensor 'same' is there twice");
}

TEST(Gguf, AlignmentIsChecked) {
  for (const std::uint32_t alignment : {0u, 1u, 3u, 48u, 1u << 30}) {
    GgufWriter w;
    w.add("general.alignment", alignment);
    expect_refused(written(w), "general.alignment");
  }
  GgufWriter w;
  w.add("general.alignment", std::string_view("32"));
  expect_refused(written(w), "general.alignment");
}

TEST(Gguf, PrintableNamesAreShortAndClean) {
  EXPECT_EQ(printable("blk.0.attn_q"), "blk.0.attn_q");
  EXPECT_EQ(printable("a\n\x1b[2J\xc3\xa9"), "a??[2J??");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 83u);
}

TEST(MappedFile, WhatCannotBeMappedIsNamed) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("ryz_gguf_test_" + std::to_string(getpid()));
  std::filesystem::create_directory(dir);
  const auto message = [](const std::string& path) -> std::string {
    try {
      const MappedFile file(path);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(dir.string()).find("is a directory"), std::string::npos);
  EXPECT_NE(message(dir / "absent").find("cannot be opened"), std::string::npos);
  std::ofstream(dir / "empty").close();
  EXPECT_NE(message(dir / "empty").find("is empty"), std::string::npos);
  EXPECT_NE(message("/dev/null").find("not a regular file"), std::string::npos);
  std::ofstream(dir / "file") << "content";
  EXPECT_EQ(message(dir / "file"), "");
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace ryz
