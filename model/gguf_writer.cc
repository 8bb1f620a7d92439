#include "model/gguf_writer.h"

#include <cstring>
#include <ostream>

#include "model/float16.h"

namespace ryz {
namespace {

constexpr std::uint64_t kAlignment = 32;

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_string(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out.append(text);
}

void put_type(std::string& out, GgufValueType type) { put(out, static_cast<std::uint32_t>(type)); }

void write_bytes(std::ostream& out, std::span<const std::uint8_t> bytes) {
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

void pad(std::ostream& out, std::uint64_t size) {
  constexpr char kZeros[kAlignment] = {};
  out.write(kZeros, static_cast<std::streamsize>((kAlignment - size % kAlignment) % kAlignment));
}

std::uint32_t type_of(RowFormat format) {
  switch (format) {
    case RowFormat::kF32:
      return kGgmlF32;
    case RowFormat::kF16:
      return kGgmlF16;
    case RowFormat::kBF16:
      return kGgmlBF16;
    case RowFormat::kQ80:
      return kGgmlQ80;
    case RowFormat::kQ6K:
      return kGgmlQ6K;
  }
  return kGgmlF32;
}

}  // namespace

void GgufWriter::add(std::string_view key, std::uint32_t value) {
  std::string bytes;
  put(bytes, value);
  add_raw(key, static_cast<std::uint32_t>(GgufValueType::kU32), bytes);
}

void GgufWriter::add(std::string_view key, float value) {
  std::string bytes;
  put(bytes, value);
  add_raw(key, static_cast<std::uint32_t>(GgufValueType::kF32), bytes);
}

void GgufWriter::add(std::string_view key, std::string_view value) {
  std::string bytes;
  put_string(bytes, value);
  add_raw(key, static_cast<std::uint32_t>(GgufValueType::kString), bytes);
}

void GgufWriter::add_array(std::string_view key, std::span<const std::string> values) {
  std::string bytes;
  put_type(bytes, GgufValueType::kString);
  put(bytes, std::uint64_t{values.size()});
  for (const std::string& value : values) put_string(bytes, value);
  add_raw(key, static_cast<std::uint32_t>(GgufValueType::kArray), bytes);
}

void GgufWriter::add_array(std::string_view key, std::span<const float> values) {
  std::string bytes;
  put_type(bytes, GgufValueType::kF32);
  put(bytes, std::uint64_t{values.size()});
  for (const float value : values) put(bytes, value);
  add_raw(key, static_cast<std::uint32_t>(GgufValueType::kArray), bytes);
}

void GgufWriter::add_raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  put_string(values_, key);
  put(values_, type);
  values_.append(bytes);
  ++value_count_;
}

void GgufWriter::add_tensor(std::string_view name, std::vector<std::uint64_t> dims,
                            std::uint32_t type, std::span<const std::uint8_t> bytes,
                            std::vector<std::uint8_t> trailer) {
  const std::uint64_t size = bytes.size() + trailer.size();
  add_made_tensor(name, std::move(dims), type, size,
                  [bytes, trailer = std::move(trailer)](std::ostream& out) {
                    write_bytes(out, bytes);
                    write_bytes(out, trailer);
                  });
}

void GgufWriter::add_made_tensor(std::string_view name, std::vector<std::uint64_t> dims,
                                 std::uint32_t type, std::uint64_t size, Make make) {
  tensors_.push_back({std::string(name), std::move(dims), type, size, std::move(make)});
}

void GgufWriter::write(std::ostream& out) const {
  std::string head = "GGUF";
  put(head, std::uint32_t{3});
  put(head, std::uint64_t{tensors_.size()});
  put(head, value_count_);
  head += values_;
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    put_string(head, tensor.name);
    put(head, static_cast<std::uint32_t>(tensor.dims.size()));
    for (const std::uint64_t dim : tensor.dims) put(head, dim);
    put(head, tensor.type);
    put(head, offset);
    offset = (offset + tensor.size + kAlignment - 1) / kAlignment * kAlignment;
  }
  out.write(head.data(), static_cast<std::streamsize>(head.size()));
  pad(out, head.size());
  for (const Tensor& tensor : tensors_) {
    tensor.make(out);
    pad(out, tensor.size);
  }
}

namespace {

std::uint32_t type_of(TernaryFormat format) {
  switch (format) {
    case TernaryFormat::kI2S:
      return kGgmlI2S;
    case TernaryFormat::kTq1:
      return kGgmlTq1;
    case TernaryFormat::kTq2:
      return kGgmlTq2;
  }
  return kGgmlI2S;
}

// llama.cpp's and bitnet.cpp's numbers of "mostly this format".
std::uint32_t file_type_of(TernaryFormat format) {
  switch (format) {
    case TernaryFormat::kI2S:
      return 40;
    case TernaryFormat::kTq1:
      return 36;
    case TernaryFormat::kTq2:
      return 37;
  }
  return 40;
}

void add_placeholder_tokenizer(GgufWriter& writer, std::size_t vocab) {
  constexpr std::size_t kSpecials = 3;
  constexpr std::size_t kBytes = 256;
  enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types{kUnknown, kControl, kControl};
  for (std::size_t i = 0; i < kBytes; ++i) {
    constexpr char kHex[] = "0123456789ABCDEF";
    tokens.push_back(std::string("<0x") + kHex[i / 16] + kHex[i % 16] + ">");
    types.push_back(kByte);
  }
  for (std::size_t i = kSpecials + kBytes; i < vocab; ++i) {
    tokens.push_back("\xe2\x96\x81t" + std::to_string(i));
    types.push_back(kNormal);
  }
  tokens.resize(vocab);
  types.resize(vocab);
  writer.add("tokenizer.ggml.model", std::string_view("llama"));
  writer.add("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  writer.add("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  writer.add_array("tokenizer.ggml.tokens", tokens);
  writer.add_array("tokenizer.ggml.scores", std::vector<float>(vocab));
  std::string bytes;
  put_type(bytes, GgufValueType::kI32);
  put(bytes, std::uint64_t{vocab});
  for (const std::int32_t type : types) put(bytes, type);
  writer.add_raw("tokenizer.ggml.token_type", static_cast<std::uint32_t>(GgufValueType::kArray),
                 bytes);
}

void write_matrix(const TernaryTensor& tensor, TernaryFormat format, std::ostream& out) {
  std::vector<std::int8_t> trits(tensor.cols);
  std::vector<std::uint8_t> row(ternary_row_bytes(format, tensor.cols));
  const std::uint16_t half = float_to_half(tensor.scale);
  for (std::size_t r = 0; r < tensor.rows; ++r) {
    tensor.read_row(r, trits.data());
    write_ternary_row(format, trits.data(), tensor.cols, half, row.data());
    write_bytes(out, row);
  }
  if (format == TernaryFormat::kI2S) {
    std::vector<std::uint8_t> scale(32);  // padded
    std::memcpy(scale.data(), &tensor.scale, sizeof tensor.scale);
    write_bytes(out, scale);
  }
}

}  // namespace

void write_model(const Weights& weights, std::ostream& out, const ModelFormat& format) {
  const Config& config = weights.config;
  GgufWriter writer;
  const std::string prefix = config.arch + ".";
  const auto integer = [&](const char* key, std::size_t value) {
    writer.add(prefix + key, static_cast<std::uint32_t>(value));
  };
  writer.add("general.architecture", std::string_view(config.arch));
  writer.add("general.name", std::string_view(config.name));
  writer.add("general.file_type", file_type_of(format.ternary));
  integer("vocab_size", config.vocab);
  integer("context_length", config.context);
  integer("embedding_length", config.embd);
  integer("block_count", config.layers);
  integer("feed_forward_length", config.ffn);
  integer("attention.head_count", config.heads);
  integer("attention.head_count_kv", config.kv_heads);
  integer("rope.dimension_count", config.head_dim());
  writer.add(prefix + "rope.freq_base", config.rope_base);
  writer.add(prefix + "attention.layer_norm_rms_epsilon", config.rms_eps);
  if (format.placeholder_tokenizer) {
    add_placeholder_tokenizer(writer, config.vocab);
  } else {
    writer.add("tokenizer.ggml.model", std::string_view("no_vocab"));
  }

  const auto norm = [&](const std::string& name, const std::vector<float>& w) {
    writer.add_tensor(name, {w.size()}, kGgmlF32,
                      {reinterpret_cast<const std::uint8_t*>(w.data()), w.size() * sizeof(float)});
  };
  const auto rows = [&](const std::string& name, const RowTensor& tensor) {
    writer.add_made_tensor(name, {tensor.cols, tensor.rows}, type_of(tensor.format),
                           tensor.rows * tensor.row_bytes(), [&tensor](std::ostream& stream) {
                             std::vector<std::uint8_t> row(tensor.row_bytes());
                             for (std::size_t r = 0; r < tensor.rows; ++r) {
                               tensor.copy_row(r, row.data());
                               write_bytes(stream, row);
                             }
                           });
  };
  rows("token_embd.weight", weights.embedding);
  norm("output_norm.weight", weights.output_norm);
  if (weights.head.data != weights.embedding.data) rows("output.weight", weights.head);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    const Layer& layer = weights.layers[l];
    const std::string block = "blk." + std::to_string(l) + ".";
    norm(block + "attn_norm.weight", layer.attn_norm);
    norm(block + "attn_sub_norm.weight", layer.attn_sub_norm);
    norm(block + "ffn_norm.weight", layer.ffn_norm);
    norm(block + "ffn_sub_norm.weight", layer.ffn_sub_norm);
    for (std::size_t s = 0; s < kSites; ++s) {
      const TernaryTensor& tensor = layer.site[s];
      const std::size_t trailer = format.ternary == TernaryFormat::kI2S ? 32 : 0;
      writer.add_made_tensor(block + site_name(static_cast<Site>(s)) + ".weight",
                             {tensor.cols, tensor.rows}, type_of(format.ternary),
                             tensor.rows * ternary_row_bytes(format.ternary, tensor.cols) + trailer,
                             [&tensor, &format](std::ostream& stream) {
                               write_matrix(tensor, format.ternary, stream);
                             });
    }
  }
  writer.write(out);
}

}  // namespace ryz
