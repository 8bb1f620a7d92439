#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "kernels/verify.h"
#include "reports/render/format.h"

namespace ryz {

void add_verify(CLI::App& app, Context& context) {
  struct Flags {
    std::string kernel = "all", encoding = "all";
    std::uint64_t seed = 42;
    bool quick = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd =
      app.add_subcommand("verify", "Every kernel against the naive product over hard shapes");
  cmd->footer(
      "Odd rows and columns, K from 1, all -1, 0 and +1, int8 extremes, batches of 1, 2, 3, 5, "
      "17,\n"
      "arbitrary splits, unaligned starts, guard bytes, poisoned outputs. Encodings that are "
      "known\n"
      "to be wrong are held to their own definition. Exit 4 on a mismatch, naming the first.\n"
      "Examples:\n  ryz-lab verify\n  ryz-lab verify --kernel avx2 --encoding 'two-bit*'");
  cmd->add_option("--kernel", flags->kernel, "Kernels: names, globs, all")->capture_default_str();
  cmd->add_option("--encoding", flags->encoding, "Encodings: names, globs, all")
      ->capture_default_str();
  cmd->add_option("--seed", flags->seed, "Of the random shapes")->capture_default_str();
  cmd->add_flag("--quick", flags->quick, "Fewer shapes");
  cmd->callback([flags, &context] {
    const auto line = [&](const char* state, const std::string& name, const std::string& what) {
      return report::wrap(what, context.width, fmt::format("{:<8} {:<25} ", state, name),
                          std::string(35, ' '));
    };
    std::size_t checked = 0;
    std::size_t skipped = 0;
    std::size_t failed = 0;
    for (const Kernel* kernel :
         select_kernels(flags->kernel, flags->encoding, *context.catalogue)) {
      const std::string name = fmt::format("{}/{}", kernel->name, kernel->encoding->name);
      if (const std::string reason = why_not_runnable(*kernel); !reason.empty()) {
        ++skipped;
        print_result(line("skipped", name, reason));
        continue;
      }
      VerifyOptions options;
      options.seed = flags->seed;
      options.quick = flags->quick;
      const VerifyResult result = verify_kernel(*kernel, options);
      ++checked;
      if (result.ok) {
        print_result(
            line("ok", name,
                 fmt::format("{} cases, {}", result.cases,
                             kernel->encoding->exact ? "equal to the naive product"
                                                     : "known wrong: equal to its definition")));
      } else {
        ++failed;
        print_result(line("WRONG", name, result.failure));
      }
    }
    print_result(fmt::format("{} kernels checked, {} wrong, {} skipped", checked, failed, skipped));
    context.exit_code = failed > 0 ? kExitWrong : kExitOk;
    context.verdict = failed > 0 ? "wrong" : "ok";
  });
}

}  // namespace ryz
