// Model files as others write them: formats of matrices, embeddings and heads, keys that change the
// answer, files that change under our hands.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "kernels/catalogue.h"
#include "model/errors.h"
#include "model/float16.h"
#include "model/gguf_writer.h"
#include "model/mapped_file.h"
#include "model/transformer.h"

namespace ryz {
namespace {

class File {
 public:
  explicit File(const std::string& content)
      : path_((std::filesystem::temp_directory_path() /
               ("ryz_formats_test_" + std::to_string(getpid()) + ".gguf"))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Scales that a half holds exactly, so that every format means the same matrix.
Weights tiny() {
  Team team({1, {}});
  Config config = find_preset("tiny").value();
  config.arch = "bitnet";
  config.activation = FfnActivation::kSilu;
  Weights weights = make_weights(config, 1, team);
  for (Layer& layer : weights.layers) {
    for (TernaryTensor& t : layer.site) t.scale = half_to_float(float_to_half(t.scale));
  }
  return weights;
}

std::string as_file(const Weights& weights, const ModelFormat& format = {}) {
  std::ostringstream out;
  write_model(weights, out, format);
  return out.str();
}

std::string refusal(const std::string& content) {
  const File file(content);
  Team team({2, {}});
  try {
    load_weights(file.path(), team);
  } catch (const InputError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(file.path())) << error.what();
    return error.what();
  }
  return "";
}
void expect_refused(const std::string& content, const std::string& why) {
  const std::string message = refusal(content);
  EXPECT_NE(message.find(why), std::string::npos) << "'" << message << "' lacks '" << why << "'";
}

std::vector<float> logits_of(const Weights& weights, const Kernel* kernel) {
  Team team({2, {}});
  const std::vector<std::int32_t> tokens{1, 5, 9, 500};
  PackedModel packed;
  if (kernel != nullptr) packed = pack_model(weights, *kernel->encoding, team);
  Transformer transformer(weights, tokens.size());
  std::vector<float> logits(weights.config.vocab);
  transformer.forward(tokens, {kernel, kernel, {}}, kernel == nullptr ? nullptr : &packed, team,
                      LogitsFor::kLastToken, logits.data());
  return logits;
}

TEST(Formats, EveryTernaryFormatIsTheSameModelInEveryEncoding) {
  const Weights made = tiny();
  const std::vector<float> expected = logits_of(made, nullptr);
  for (const TernaryFormat format :
       {TernaryFormat::kI2S, TernaryFormat::kTq1, TernaryFormat::kTq2}) {
    const File file(as_file(made, {format, true}));
    Team team({2, {}});
    const Weights loaded = load_weights(file.path(), team);
    EXPECT_EQ(loaded.layers[1].site[3].format, format);
    EXPECT_EQ(logits_of(loaded, nullptr), expected) << ternary_format_name(format);
    for (const Kernel* kernel : built_in_catalogue().kernels) {
      if (!kernel->encoding->exact || std::string(kernel->name) != "scalar") continue;
      EXPECT_EQ(logits_of(loaded, kernel), expected)
          << ternary_format_name(format) << " " << kernel->encoding->name;
    }
  }
}

// The embedding's rows as another format has them, of values that are exact in it.
std::vector<std::uint8_t> rows_in(RowFormat format, std::size_t rows, std::size_t cols) {
  const RowTensor shape{nullptr, rows, cols, format};
  std::vector<std::uint8_t> bytes(rows * shape.row_bytes());
  for (std::size_t i = 0; i < rows * cols; ++i) {
    const int quant = static_cast<int>(i * 7919 % 255) - 127;
    const float value = 0x1p-12F * static_cast<float>(quant);
    const auto upper = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
    const std::uint16_t half = float_to_half(value);
    const std::uint16_t scale = float_to_half(0x1p-12F);
    switch (format) {
      case RowFormat::kF32:
        std::memcpy(bytes.data() + 4 * i, &value, 4);
        break;
      case RowFormat::kF16:
        std::memcpy(bytes.data() + 2 * i, &half, 2);
        break;
      case RowFormat::kBF16:
        std::memcpy(bytes.data() + 2 * i, &upper, 2);
        break;
      case RowFormat::kQ80:
        std::memcpy(bytes.data() + i / 32 * 34, &scale, 2);
        bytes[i / 32 * 34 + 2 + i % 32] = static_cast<std::uint8_t>(quant);
        break;
      case RowFormat::kQ6K:
        break;
    }
  }
  return bytes;
}

TEST(Formats, EmbeddingsAndHeadsTiedAndSeparate) {
  const Weights made = tiny();
  std::vector<float> tied_logits;
  for (const RowFormat format :
       {RowFormat::kF32, RowFormat::kF16, RowFormat::kBF16, RowFormat::kQ80}) {
    const auto bytes = rows_in(format, made.config.vocab, made.config.embd);
    Weights weights = made;
    weights.embedding = {bytes.data(), made.config.vocab, made.config.embd, format};
    weights.head = weights.embedding;
    Team team({2, {}});
    {
      const File tied(as_file(weights));
      const Weights loaded = load_weights(tied.path(), team);
      EXPECT_EQ(loaded.head.format, format);
      EXPECT_EQ(loaded.head.data, loaded.embedding.data);
      const std::vector<float> logits = logits_of(loaded, nullptr);
      if (tied_logits.empty()) tied_logits = logits;
      EXPECT_EQ(logits, tied_logits) << row_format_name(format);  // the same numbers, the same bits
    }
    weights.head = made.head;
    const File separate(as_file(weights));
    const Weights loaded = load_weights(separate.path(), team);
    EXPECT_EQ(loaded.head.format, RowFormat::kQ6K);
    EXPECT_EQ(loaded.embedding.format, format);
    EXPECT_EQ(logits_of(loaded, nullptr), logits_of(weights, nullptr)) << row_format_name(format);
  }
}

TEST(Formats, AnyBlockOfAnotherScaleIsRefused) {
  const Weights made = tiny();
  for (const TernaryFormat format : {TernaryFormat::kTq1, TernaryFormat::kTq2}) {
    const std::string good = as_file(made, {format});
    ASSERT_EQ(refusal(good), "");
    const Gguf file =
        Gguf::parse({reinterpret_cast<const std::uint8_t*>(good.data()), good.size()}, "good");
    const GgufTensor* tensor = file.find_tensor("blk.1.ffn_down.weight");
    ASSERT_NE(tensor, nullptr);
    const std::size_t end =
        static_cast<std::size_t>(tensor->bytes.data() + tensor->bytes.size() -
                                 reinterpret_cast<const std::uint8_t*>(good.data()));
    std::string bad = good;
    bad[end - 2] = static_cast<char>(bad[end - 2] + 1);
    expect_refused(bad, "'blk.1.ffn_down.weight' has blocks of different scales");
  }
}

// A model with more keys, or tensors, than the writer gives it.
std::string with_key(const std::function<void(GgufWriter&)>& add,
                     const char* architecture = "bitnet") {
  const Weights made = tiny();
  const std::string all = as_file(made);
  const Gguf file =
      Gguf::parse({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()}, "");
  GgufWriter writer;
  writer.add("general.architecture", std::string_view(architecture));
  const std::string prefix = std::string(architecture) + ".";
  for (const GgufValue& value : file.values()) {
    if (value.key.rfind("bitnet.", 0) != 0) continue;
    const std::string key = prefix + std::string(value.key.substr(7));
    if (value.type == GgufValueType::kF32) {
      writer.add(key, std::bit_cast<float>(static_cast<std::uint32_t>(value.bits)));
    } else {
      writer.add(key, static_cast<std::uint32_t>(value.bits));
    }
  }
  for (const GgufTensor& t : file.tensors()) {
    writer.add_tensor(t.name, {t.dims.begin(), t.dims.begin() + static_cast<int>(t.rank)}, t.type,
                      t.bytes);
  }
  add(writer);
  std::ostringstream out;
  writer.write(out);
  return out.str();
}

TEST(Formats, KeysThatWouldChangeTheAnswerAreReadOrRefused) {
  EXPECT_EQ(refusal(with_key([](GgufWriter&) {})), "");
  const auto text = [](const char* key, const char* value) {
    return with_key([=](GgufWriter& w) { w.add(key, std::string_view(value)); });
  };
  const auto real = [](const char* key, float value) {
    return with_key([=](GgufWriter& w) { w.add(key, value); });
  };
  const auto integer = [](const char* key, std::uint32_t value) {
    return with_key([=](GgufWriter& w) { w.add(key, value); });
  };
  EXPECT_EQ(refusal(text("bitnet.rope.scaling.type", "linear")), "");
  EXPECT_EQ(refusal(real("bitnet.rope.scaling.factor", 1.0F)), "");
  EXPECT_EQ(refusal(integer("bitnet.attention.key_length", 64)), "");
  EXPECT_EQ(refusal(text("bitnet.hidden_activation", "relu2")), "");
  expect_refused(text("bitnet.hidden_activation", "gelu"), "hidden_activation' is 'gelu'");
  expect_refused(text("bitnet.rope.scaling.type", "yarn"), "rope.scaling.type' is 'yarn'");
  expect_refused(real("bitnet.rope.scaling.factor", 4.0F), "rope.scaling.factor' is 4");
  expect_refused(real("bitnet.rope.scale_linear", 2.0F), "rope.scale_linear' is 2");
  expect_refused(integer("bitnet.rope.dimension_sections", 1), "rope.dimension_sections'");
  expect_refused(integer("bitnet.attention.key_length", 128), "attention.key_length' is 128");
  expect_refused(integer("bitnet.attention.value_length", 32), "attention.value_length' is 32");
  expect_refused(integer("bitnet.attention.sliding_window", 64), "attention.sliding_window'");
  expect_refused(with_key([](GgufWriter& w) {
                   w.add_array("tokenizer.ggml.tokens", std::vector<std::string>(511, "t"));
                 }),
                 "has 511 tokens, but the vocabulary has 512");
  EXPECT_EQ(refusal(with_key([](GgufWriter& w) {
              w.add_array("tokenizer.ggml.tokens", std::vector<std::string>(512, "t"));
            })),
            "");
}

TEST(Formats, TheActivationFollowsArchitectureAndKey) {
  Team team({1, {}});
  const auto activation = [&](const char* arch, const char* name) {
    const File file(with_key(
        [&](GgufWriter& w) {
          if (*name != '\0')
            w.add(std::string(arch) + ".hidden_activation", std::string_view(name));
        },
        arch));
    return load_weights(file.path(), team).config.activation;
  };
  EXPECT_EQ(activation("bitnet", ""), FfnActivation::kSilu);
  EXPECT_EQ(activation("bitnet", "silu"), FfnActivation::kSilu);
  EXPECT_EQ(activation("bitnet", "relu2"), FfnActivation::kSquaredRelu);
  EXPECT_EQ(activation("bitnet-b1.58", ""), FfnActivation::kSquaredRelu);
  EXPECT_EQ(activation("bitnet-25", ""), FfnActivation::kSquaredRelu);
}

TEST(Formats, AScaleBesideAMatrixMultipliesAndOtherTensorsAreRefused) {
  const float two = 2.0F;
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(&two), 4);
  const File file(
      with_key([&](GgufWriter& w) { w.add_tensor("blk.0.attn_q.scale", {1}, kGgmlF32, bytes); }));
  Team team({1, {}});
  const Weights loaded = load_weights(file.path(), team);
  const Weights made = tiny();
  EXPECT_EQ(loaded.layers[0].site[0].scale, 2 * made.layers[0].site[0].scale);
  EXPECT_EQ(loaded.layers[0].site[1].scale, made.layers[0].site[1].scale);
  expect_refused(
      with_key([&](GgufWriter& w) { w.add_tensor("blk.0.attn_q.bias", {1}, kGgmlF32, bytes); }),
      "'blk.0.attn_q.bias' is no part of this architecture");
  expect_refused(
      with_key([&](GgufWriter& w) { w.add_tensor("rope_freqs.weight", {1}, kGgmlF32, bytes); }),
      "'rope_freqs.weight' is no part");
}

TEST(Formats, AFileThatChangesIsNoticed) {
  const Weights made = tiny();
  const Encoding& encoding = *built_in_catalogue().encodings.front();
  Team team({2, {}});
  {
    // The last byte goes: nothing faults, the page's end just reads as zeros.
    const File file(as_file(made));
    const Weights loaded = load_weights(file.path(), team);
    pack_model(loaded, encoding, team);
    std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 1);
    EXPECT_THROW(pack_model(loaded, encoding, team), InputError);
    EXPECT_THROW(logits_of(loaded, nullptr), InputError);
  }
  // The same size, other bytes.
  const File file(as_file(made));
  const Weights loaded = load_weights(file.path(), team);
  std::filesystem::last_write_time(
      file.path(), std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THROW(pack_model(loaded, encoding, team), InputError);
}

[[noreturn]] void say_lost(const char* path) {
  const ssize_t ignored = write(STDERR_FILENO, path, std::strlen(path));
  static_cast<void>(ignored);
  _exit(5);
}

TEST(FormatsDeathTest, APageThatIsGoneIsSaidAndEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const File file(std::string(1 << 20, 'x'));
        const MappedFile mapped(file.path());
        on_lost_pages(say_lost);
        std::filesystem::resize_file(file.path(), 4096);
        int sum = 0;
        for (const std::uint8_t byte : mapped.bytes()) sum += byte;
        _exit(sum == 0 ? 1 : 2);
      },
      testing::ExitedWithCode(5), "ryz_formats_test");
}

}  // namespace
}  // namespace ryz
