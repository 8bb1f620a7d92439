#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/completion.h"
#include "harness/cli/output.h"

namespace ryz {

void add_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* cmd = app.add_subcommand("completion", "Print a completion script for a shell");
  cmd->footer(
      "Examples:\n"
      "  source <(ryz-lab completion bash)\n"
      "  ryz-lab completion zsh > ~/.zfunc/_ryz-lab\n"
      "  ryz-lab completion fish > ~/.config/fish/completions/ryz-lab.fish");
  cmd->add_option("SHELL", *shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->required();
  cmd->callback([shell, &app, &context] {
    print_result(completion_script(*shell, app, *context.catalogue));
    context.verdict = "ok";
  });
}

}  // namespace ryz
