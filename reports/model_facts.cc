#include "reports/model_facts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reports/render/table.h"

namespace ryz::report {
namespace {

using Json = nlohmann::ordered_json;

void put_optional(Json& object, const char* name, const std::optional<double>& value,
                  const std::string& reason) {
  if (value) {
    object[name] = *value;
    return;
  }
  object[name] = nullptr;
  object[std::string(name) + "_reason"] = reason;
}

Json tensor_json(const TensorFacts& t) {
  Json object{{"name", ascii(t.name)}, {"format", t.format}, {"count", t.count},
              {"rows", t.rows},        {"cols", t.cols},     {"bytes", t.bytes}};
  if (t.zero_share) object["zero_share"] = *t.zero_share;
  if (t.entropy_bits) object["entropy_bits"] = *t.entropy_bits;
  return object;
}

Json encoding_json(const EncodingFacts& e) {
  Json object{{"encoding", e.encoding},
              {"bits_per_weight", e.bits_per_weight},
              {"packed_bytes", e.packed_bytes},
              {"table_bytes", e.table_bytes},
              {"bytes_per_token", e.bytes_per_token}};
  put_optional(object, "limit_tok_per_s", e.limit_tok_per_s, e.limit_reason);
  return object;
}

std::string optional_text(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "";
}

}  // namespace

std::string to_json(const ModelFacts& f) {
  Json document{{"source", ascii(f.source)},
                {"arch", f.arch},
                {"name", ascii(f.name)},
                {"hash", fmt::format("{:016x}", f.hash)},
                {"file_bytes", f.file_bytes},
                {"embd", f.embd},
                {"ffn", f.ffn},
                {"layers", f.layers},
                {"heads", f.heads},
                {"kv_heads", f.kv_heads},
                {"vocab", f.vocab},
                {"context", f.context},
                {"activation", f.activation},
                {"rope_base", f.rope_base},
                {"rms_eps", f.rms_eps},
                {"tied_head", f.tied_head},
                {"ternary_weights", f.ternary_weights},
                {"zero_share", f.zero_share},
                {"entropy_bits", f.entropy_bits},
                {"kv_bytes_per_position", f.kv_bytes_per_position},
                {"as_found_bytes", f.as_found_bytes},
                {"threads", f.threads}};
  put_optional(document, "read_gb_per_s", f.read_gb_per_s, f.read_gb_per_s_reason);
  document["tensors"] = Json::array();
  for (const TensorFacts& t : f.tensors) document["tensors"].push_back(tensor_json(t));
  document["encodings"] = Json::array();
  for (const EncodingFacts& e : f.encodings) document["encodings"].push_back(encoding_json(e));
  return document.dump(1) + "\n";
}

std::string render_model_facts(const ModelFacts& f, unsigned width, bool color) {
  const auto line = [&](const std::string& label, const std::string& text) {
    return wrap(text, width, fmt::format("{:<10}", label), std::string(10, ' '));
  };
  std::string out =
      line("model", fmt::format("{}{}, arch {}, hash {:016x}", ascii(f.source),
                                f.file_bytes == 0 ? " (preset)" : ", " + bytes_text(f.file_bytes),
                                f.arch, f.hash));
  if (!f.name.empty()) out += line("name", ascii(f.name));
  out +=
      line("shape", fmt::format("{} wide, feed-forward {} ({}), {} layers, {} heads, {} KV heads, "
                                "vocabulary {}, context {}",
                                f.embd, f.ffn, f.activation, f.layers, f.heads, f.kv_heads, f.vocab,
                                f.context));
  out += line("positions",
              fmt::format("rotary, base {}; RMS epsilon {:g}; {} head", number_text(f.rope_base),
                          f.rms_eps, f.tied_head ? "tied" : "separate"));
  out += line("ternary", fmt::format("{} weights, {:.2f}% zeros, entropy {:.4f} bits a weight",
                                     f.ternary_weights, 100 * f.zero_share, f.entropy_bits));
  out += line("KV cache", bytes_text(f.kv_bytes_per_position) + " a position");
  out += line("as found", fmt::format("{:.1f} GB of tables, 128 bytes a weight",
                                      static_cast<double>(f.as_found_bytes) / 1e9));
  out += line("memory", f.read_gb_per_s ? fmt::format("reads {} GB/s with {} thread{}",
                                                      number_text(*f.read_gb_per_s), f.threads,
                                                      f.threads == 1 ? "" : "s")
                                        : "read bandwidth not measured: " + f.read_gb_per_s_reason);
  Table tensors({left("tensors"), left("format"), right("count"), right("rows"), right("columns"),
                 right("bytes"), right("zeros"), right("bits/weight")});
  for (const TensorFacts& t : f.tensors) {
    // Nearly all are called so; without it they fit 80 columns.
    std::string name = ascii(t.name);
    if (name.ends_with(".weight")) name.resize(name.size() - 7);
    tensors.row({std::move(name), t.format, std::to_string(t.count), std::to_string(t.rows),
                 std::to_string(t.cols), bytes_text(t.bytes),
                 t.zero_share ? fmt::format("{:.2f}%", 100 * *t.zero_share) : "",
                 optional_text(t.entropy_bits, "{:.4f}")});
  }
  out += "\n" + tensors.text(width, "", color);
  Table encodings({left("encoding"), right("bits/weight"), right("packed"), right("tables"),
                   right("read/token"), right("limit tok/s")});
  std::string reason;
  for (const EncodingFacts& e : f.encodings) {
    encodings.row({e.encoding, fmt::format("{:.2f}", e.bits_per_weight), bytes_text(e.packed_bytes),
                   e.table_bytes == 0 ? "-" : bytes_text(e.table_bytes),
                   bytes_text(e.bytes_per_token),
                   e.limit_tok_per_s ? number_text(*e.limit_tok_per_s) : "-"});
    if (!e.limit_tok_per_s) reason = e.limit_reason;
  }
  out += "\n" + encodings.text(width, "", color);
  if (!reason.empty()) out += "no limit: " + reason + "\n";
  return out;
}

}  // namespace ryz::report
