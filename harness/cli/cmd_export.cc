#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/plan/usage_error.h"
#include "model/gguf_writer.h"
#include "model/weights.h"
#include "reports/files.h"

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
    report::check_writable(flags->out);
    const unsigned threads = parse_threads("", false, false).front();
    Team team({threads, {}});
    const Weights weights = make_weights(*config, flags->seed, team);
    report::write_file(flags->out, [&](std::ostream& file) {
      write_model(weights, file, {type->format, true});
    });
    print_result(fmt::format("{}: {} as {}, seed {}, for {} and ryz-lab", flags->out, config->name,
                             type->name, flags->seed, type->readers));
    context.verdict = "ok";
  });
}

}  // namespace ryz
