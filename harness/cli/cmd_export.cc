#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/plan/usage_error.h"
#include "model/gguf_writer.h"
#include "model/weights.h"
#include "reports/error.h"

namespace ryz {
namespace {

struct Type {
  const char* name;
  TernaryFormat format;
  const char* arch;
  FfnActivation activation;
  const char* readers;
};
constexpr Type kTypes[] = {
    {"i2_s", TernaryFormat::kI2S, "bitnet-b1.58", FfnActivation::kSquaredRelu, "bitnet.cpp"},
    {"tq2_0", TernaryFormat::kTq2, "bitnet", FfnActivation::kSilu, "llama.cpp"},
    {"tq1_0", TernaryFormat::kTq1, "bitnet", FfnActivation::kSilu, "llama.cpp"},
};

// A gigabyte does not go through memory, as reports do: beside the target, then over it.
void write_whole(const Weights& weights, const ModelFormat& format, const std::string& path) {
  const std::string part = path + ".part";
  errno = 0;
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  if (file) write_model(weights, file, format);
  file.close();
  if (file.good() && std::rename(part.c_str(), path.c_str()) == 0) return;
  const std::string why = errno == 0 ? "unknown reason" : std::strerror(errno);
  std::remove(part.c_str());
  throw report::ReportError(path + ": cannot be written: " + why);
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  struct Flags {
    std::string model, out, type = "tq2_0";
    std::uint64_t seed = 42;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("export", "Write a preset's random weights as a GGUF file");
  cmd->footer(
      "For other programs, to compare speeds on the same shape: llama.cpp reads tq2_0 and tq1_0\n"
      "(arch bitnet, SiLU), bitnet.cpp i2_s (arch bitnet-b1.58, squared ReLU). The tokenizer is a\n"
      "placeholder: give token ids. TQ formats keep the scale of a matrix as a half.\n"
      "Examples:\n  ryz-lab export --model mini --out mini.gguf\n"
      "  ryz-lab export --model 2b4t --out 2b4t-i2s.gguf --type i2_s");
  cmd->add_option("--model", flags->model, "Preset: tiny, mini, small, 700m, bitnet-2b4t, 7b")
      ->required();
  cmd->add_option("--out", flags->out, "The file to write")->required();
  cmd->add_option("--type", flags->type, "i2_s, tq2_0 or tq1_0")
      ->check(CLI::IsMember({"i2_s", "tq2_0", "tq1_0"}))
      ->capture_default_str();
  cmd->add_option("--seed", flags->seed, "Of the weights")->capture_default_str();
  cmd->callback([flags, &context] {
    std::optional<Config> config = find_preset(flags->model);
    if (!config) {
      throw UsageError({.id = "RZ214",
                        .message = "export takes a preset",
                        .flag = "--model",
                        .text = flags->model,
                        .length = std::max<std::size_t>(1, flags->model.size()),
                        .help = "tiny, mini, small, 700m, bitnet-2b4t, 7b"});
    }
    const Type* type = kTypes;
    while (type->name != flags->type) ++type;
    config->arch = type->arch;
    config->activation = type->activation;
    const unsigned threads = parse_threads("", false, false).front();
    Team team({threads, {}});
    const Weights weights = make_weights(*config, flags->seed, team);
    write_whole(weights, {type->format, true}, flags->out);
    print_result(fmt::format("{}: {} as {}, seed {}, for {} and ryz-lab", flags->out, config->name,
                             type->name, flags->seed, type->readers));
    context.verdict = "ok";
  });
}

}  // namespace ryz
