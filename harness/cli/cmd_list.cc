#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/cli/flags.h"
#include "harness/cli/output.h"
#include "harness/diagnose/report_head.h"
#include "reports/render/text.h"
#include "reports/report_json.h"

namespace ryz {

void add_list(CLI::App& app, Context& context) {
  struct Flags {
    std::string what = "kernels";
    std::string format = "text";
    RunFlags run;
  };
  auto flags = std::make_shared<Flags>();
  flags->run.model = "small";
  flags->run.kernel = flags->run.encoding = "all";
  CLI::App* cmd =
      app.add_subcommand("list", "Every encoding and kernel, the cells of a run, the machine");
  cmd->footer(
      "Table bytes are what a kernel needs for the widest product of bitnet-2b4t; `as found` is\n"
      "what the engine's layout (a table for each row and group) would need for that model.\n"
      "Examples:\n  ryz-lab list\n  ryz-lab list machine --format json\n"
      "  ryz-lab list cells --kernel avx2");
  cmd->add_option("WHAT", flags->what, "kernels, cells or machine")
      ->check(CLI::IsMember({"kernels", "cells", "machine"}))
      ->capture_default_str();
  cmd->add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  cmd->add_option("--kernel", flags->run.kernel, "Of which kernels to list cells")
      ->capture_default_str();
  cmd->add_option("--encoding", flags->run.encoding, "Of which encodings")->capture_default_str();
  cmd->add_option("--phase", flags->run.phase, "decode, prefill or all")->capture_default_str();
  cmd->add_option("--schedule", flags->run.schedule, "static, dynamic, guided, stealing or all")
      ->capture_default_str();
  cmd->add_option("--grain", flags->run.grain, "e.g. 1,4,16")->capture_default_str();
  cmd->add_option("--threads", flags->run.threads, "e.g. 1-8");
  cmd->callback([flags, &context] {
    flags->run.allow_debug = true;  // nothing is timed
    const LabOptions options = resolve(flags->run, *context.catalogue);
    report::Report report = begin_report("list", context.argv, options, *context.catalogue);
    fill_table_bytes(report, *find_preset("bitnet-2b4t"), *context.catalogue);
    const bool json = flags->format == "json";
    const report::TextOptions text{context.width, context.color, true};
    if (flags->what == "machine") {
      print_result(json ? report::to_json(report.machine)
                        : report::render_machine(report.machine, text));
    } else if (flags->what == "kernels") {
      print_result(json ? report::to_json(report.catalogue)
                        : report::render_catalogue(report.catalogue, text));
    } else {
      std::string ids;
      for (const CellSpec& spec : expand(options.axes)) {
        const std::string id = cell_id(spec);
        if (json) {
          ids += (ids.empty() ? "[\"" : ",\n \"") + id + "\"";
        } else {
          ids += id + "\n";
        }
      }
      print_result(json ? (ids.empty() ? "[" : ids) + "]\n" : ids);
    }
    context.verdict = "ok";
  });
}

}  // namespace ryz
