#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/measure/machine.h"
#include "harness/measure/session.h"
#include "harness/plan/usage_error.h"
#include "reports/json_text.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

struct Flags {
  std::string model, tokens, logits;
  std::string kernel = "auto", encoding = "auto", threads;
  std::uint64_t seed = 42;
  unsigned top = 10;
};

std::string top_text(const std::vector<float>& logits, unsigned n) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t shown = std::min<std::size_t>(n, order.size());
  // Equal logits in the order of their ids: the same answer everywhere.
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  std::string text = fmt::format("{:>8}  {:>12}\n", "token", "logit");
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("{:>8}  {:>12.6g}\n", order[i], logits[order[i]]);
  }
  return text;
}

}  // namespace

void add_eval(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("eval", "The logits after given token ids");
  cmd->footer(
      "Tokens are taken as they are; nothing is added in front. Every exact kernel gives the same\n"
      "bytes. `--kernel naive` multiplies the file's own weights naively.\n"
      "Examples:\n  ryz-lab eval --model model.gguf --tokens 1,5,9 --logits out.json\n"
      "  ryz-lab eval --model tiny --tokens 1,5,9 --kernel scalar --encoding quint");
  cmd->add_option("--model", flags->model, "GGUF file or preset")->required();
  cmd->add_option("--tokens", flags->tokens, "Token ids, e.g. 1,5,9")->required();
  cmd->add_option("--logits", flags->logits, "Write {\"logits\": [...]} of the last token here");
  cmd->add_option("--top", flags->top, "How many of the largest logits to print")
      ->capture_default_str();
  cmd->add_option("--kernel", flags->kernel, "One kernel, auto or naive")->capture_default_str();
  cmd->add_option("--encoding", flags->encoding, "One encoding or auto")->capture_default_str();
  cmd->add_option("--threads", flags->threads, "One thread count [all physical cores]");
  cmd->add_option("--seed", flags->seed, "Of a preset's weights")->capture_default_str();
  cmd->callback([flags, &context] {
    const std::vector<std::int32_t> tokens = parse_tokens("--tokens", flags->tokens);
    const std::vector<unsigned> threads = parse_threads(flags->threads, false, false);
    if (!flags->logits.empty()) report::check_writable(flags->logits);
    CellSpec spec;
    spec.schedule = repaired_schedule();
    spec.threads = threads.front();
    if (flags->kernel != "naive") {
      const auto kernels = select_kernels(flags->kernel, flags->encoding, *context.catalogue);
      if (kernels.size() != 1) {
        throw UsageError({.id = "RZ213",
                          .message = "eval takes one kernel and one encoding",
                          .flag = "--kernel",
                          .text = flags->kernel,
                          .help = "e.g. --kernel scalar --encoding quint"});
      }
      spec.requested = kernels.front();
    }
    Team loader({spec.threads, {}});
    SessionOptions options;
    options.prompt = tokens;
    options.context = tokens.size();
    options.cpus = machine_cpus();
    options.max_threads = spec.threads;
    Session session(open_model(flags->model, flags->seed, loader), options);
    std::vector<float> logits(session.weights().config.vocab);
    session.prefill(spec, tokens.size(), logits.data());
    fmt::print(stderr, "{} tokens of {} by {}/{}, {} thread{}{}\n", tokens.size(),
               session.weights().source, spec.kernel_name(), spec.encoding_name(), spec.threads,
               spec.threads == 1 ? "" : "s",
               spec.requested && spec.requested->encoding->known_wrong ? " (known wrong)" : "");
    if (!flags->logits.empty()) report::write_file(flags->logits, report::logits_json(logits));
    print_result(top_text(logits, flags->top));
    context.verdict = "ok";
  });
}

}  // namespace ryz
