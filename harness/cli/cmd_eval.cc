#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <sstream>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/measure/calibration.h"
#include "harness/measure/machine.h"
#include "harness/measure/session.h"
#include "harness/plan/usage_error.h"
#include "model/errors.h"
#include "model/transformer.h"
#include "reports/json_text.h"
#include "reports/render/format.h"
#include "reports/report_json.h"

namespace ryz {
namespace {

struct Flags {
  std::string model, tokens, logits;
  std::string kernel = "auto", encoding = "auto", threads;
  std::uint64_t seed = 42;
  unsigned top = 10;
  std::size_t generate = 0;
};

bool is_finite(const std::vector<float>& logits) {
  return std::all_of(logits.begin(), logits.end(), [](float v) { return std::isfinite(v); });
}

// The token with the largest logit, the first of equal ones.
std::int32_t best_token(const std::vector<float>& logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Continues after a prefill that left `logits`.
std::vector<std::int32_t> continue_greedily(Session& session, const CellSpec& spec,
                                            std::vector<float> logits, std::size_t count) {
  std::vector<std::int32_t> tokens;
  while (tokens.size() < count) {
    tokens.push_back(best_token(logits));
    if (tokens.size() < count) session.append(spec, tokens.back(), logits.data());
  }
  return tokens;
}

// What `auto` may choose from; empty where nothing is left to choose.
std::vector<const Kernel*> choices(const Flags& flags, const Catalogue& catalogue) {
  const auto free_or = [](const std::string& wanted, const char* name) {
    return wanted == "auto" || wanted == "best" || wanted == name;
  };
  std::vector<const Kernel*> kernels;
  for (const Kernel* k : catalogue.kernels) {
    if (free_or(flags.kernel, k->name) && free_or(flags.encoding, k->encoding->name) &&
        k->encoding->exact && why_not_runnable(*k).empty()) {
      kernels.push_back(k);
    }
  }
  // Code for any x86-64 is chosen where there is no other.
  const auto is_baseline = [](const Kernel* k) { return k->needs == IsaSet{}; };
  if (!std::all_of(kernels.begin(), kernels.end(), is_baseline)) {
    std::erase_if(kernels, is_baseline);
  }
  return kernels.size() > 1 ? kernels : std::vector<const Kernel*>{};
}

std::size_t positions_of(const Config& config, std::size_t prompt, std::size_t generate) {
  if (prompt > config.context || generate > config.context - prompt) {
    throw InputError(
        fmt::format("{} tokens and {} to generate are more than the {} positions that "
                    "the model was made for; give fewer",
                    prompt, generate, config.context));
  }
  return prompt + generate;
}

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
  CLI::App* cmd =
      app.add_subcommand("eval", "The logits after given token ids, or their continuation");
  cmd->footer(
      "Tokens are taken as they are; nothing is added in front. Every exact kernel gives the same\n"
      "bytes. `--kernel auto` times the kernels on one layer of the model and says which it takes "
      "for\n"
      "the prompt and for what follows. `--kernel naive` multiplies the file's own weights "
      "naively.\n"
      "Examples:\n  ryz-lab eval --model model.gguf --tokens 1,5,9 --logits out.json\n"
      "  ryz-lab eval --model tiny --tokens 1,5,9 --kernel scalar --encoding quint\n"
      "  ryz-lab eval --model model.gguf --tokens 1,5,9 --generate 16");
  cmd->add_option("--model", flags->model, "GGUF file or preset")->required();
  cmd->add_option("--tokens", flags->tokens, "Token ids, e.g. 1,5,9")->required();
  cmd->add_option("--logits", flags->logits, "Write {\"logits\": [...]} of the last token here");
  cmd->add_option("--generate", flags->generate, "Continue by so many tokens, always the likeliest")
      ->capture_default_str();
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
    Weights weights = open_model(flags->model, flags->seed, loader);
    check_tokens(weights.config, tokens);
    options.prompt = tokens;
    options.context = positions_of(weights.config, tokens.size(), flags->generate);
    options.cpus = machine_cpus();
    options.max_threads = spec.threads;
    Session session(std::move(weights), options);
    CellSpec prompt_spec = spec;
    if (const auto kernels = choices(*flags, *context.catalogue); !kernels.empty()) {
      const Calibration calibration =
          calibrate(session.weights(), kernels, session.team(spec), tokens.size(),
                    read_machine(machine_topology()).hard.llc_bytes);
      const KernelChoice choice = choose(calibration, session.weights(), tokens.size());
      std::istringstream lines(choice.reason);
      for (std::string line; std::getline(lines, line);) {
        fmt::print(stderr, "{}", report::wrap(line, context.width, "", "  "));
      }
      prompt_spec.requested = choice.prefill;
      spec.requested = flags->generate > 1 ? choice.decode : choice.prefill;
    }
    std::vector<float> logits(session.weights().config.vocab);
    session.prefill(prompt_spec, tokens.size(), logits.data());
    std::vector<std::int32_t> generated;
    const bool finite = is_finite(logits);
    if (finite) generated = continue_greedily(session, spec, logits, flags->generate);
    fmt::print(stderr, "{} tokens of {} by {}/{}, {} thread{}{}\n", tokens.size(),
               session.weights().source, prompt_spec.kernel_name(), prompt_spec.encoding_name(),
               spec.threads, spec.threads == 1 ? "" : "s",
               spec.requested && spec.requested->encoding->known_wrong ? " (known wrong)" : "");
    if (spec.requested != nullptr) {
      std::size_t bytes = session.packed(spec.requested)->bytes();
      std::string also;
      if (!generated.empty() && spec.requested != prompt_spec.requested) {
        also = fmt::format("; {} more by {}/{}", generated.size() - 1, spec.kernel_name(),
                           spec.encoding_name());
        if (spec.encoding_name() != prompt_spec.encoding_name()) {
          bytes += session.packed(prompt_spec.requested)->bytes();
        }
      }
      fmt::print(stderr, "packed weights {}{}\n", report::bytes_text(bytes), also);
    }
    if (!flags->logits.empty()) {
      report::write_file(flags->logits, report::logits_json(logits, generated));
    }
    if (!finite) {
      fmt::print(stderr,
                 "error: the logits hold a number that is infinite or none; the model's "
                 "weights are damaged\n");
      context.verdict = "wrong";
      context.exit_code = kExitWrong;
      return;
    }
    std::string text = top_text(logits, flags->top);
    if (!generated.empty()) text += fmt::format("generated {}\n", fmt::join(generated, ","));
    print_result(text);
    context.verdict = "ok";
  });
}

}  // namespace ryz
