#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/measure/machine.h"
#include "harness/measure/model_facts.h"
#include "harness/measure/roofs.h"

namespace ryz {

void add_info(CLI::App& app, Context& context) {
  struct Flags {
    std::string model, threads;
    std::string format = "text";
    std::uint64_t seed = 42;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* cmd = app.add_subcommand("info", "What a model is, needs, and can reach here");
  cmd->footer(
      "The limit is this machine's measured read bandwidth over what a decoded token reads: "
      "packed\n"
      "weights, head and norms; the KV cache comes on top. `as found` is what the engine's "
      "layout,\n"
      "a table for each row and group, would need.\n"
      "Examples:\n  ryz-lab info --model model.gguf\n  ryz-lab info --model 2b4t --format json");
  cmd->add_option("--model", flags->model, "GGUF file or preset")->required();
  cmd->add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  cmd->add_option("--threads", flags->threads, "One thread count [all physical cores]");
  cmd->add_option("--seed", flags->seed, "Of a preset's weights")->capture_default_str();
  cmd->callback([flags, &context] {
    const unsigned threads = parse_threads(flags->threads, false, false).front();
    Team team({threads, {}});
    report::ModelFacts facts =
        model_facts(open_model(flags->model, flags->seed, team), *context.catalogue, team);
    facts.threads = threads;
    if (const std::string reason = why_not_timeable(); !reason.empty()) {
      facts.read_gb_per_s_reason = "this binary was " + reason;
    } else {
      add_limits(facts, read_bandwidth_gb_per_s(threads, machine_cpus()),
                 machine_topology().llc_total_bytes());
    }
    print_result(flags->format == "json"
                     ? report::to_json(facts)
                     : report::render_model_facts(facts, context.width, context.color));
    context.verdict = "ok";
  });
}

}  // namespace ryz
