#include <fmt/format.h>

#include "reports/render/answers.h"
#include "reports/render/format.h"
#include "reports/render/markdown.h"
#include "reports/render/summary.h"

namespace ryz::report {

std::string render_brief(const Report& report) {
  std::string text = fmt::format("### ryz-lab {}: {} (exit {})\n\n", markdown_text(report.command),
                                 markdown_text(report.verdict), report.exit_code);
  for (const Answer& a : answers(report)) {
    text += fmt::format("- **{}** {}{}\n", a.question, a.state.empty() ? "" : "[" + a.state + "] ",
                        markdown_text(a.answer));
  }
  if (!report.ladder.empty()) text += "\n" + ladder_table(report).markdown();
  text += "\n- machine: " + markdown_text(machine_line(report.machine)) + "\n";
  for (const Model& model : report.models) {
    text += "- model: " + markdown_text(model_line(model)) + "\n";
  }
  text += "- run: " + markdown_text(plan_line(report)) + "\n";
  text += fmt::format(
      "- program: ryz-lab {}, commit {}{}, {}, {}, {}\n", markdown_text(report.tool.version),
      report.tool.git_sha.empty() ? "unknown" : markdown_text(report.tool.git_sha),
      report.tool.git_dirty ? " with changes" : "", markdown_text(report.build.compiler),
      markdown_text(report.build.type), markdown_text(report.build.flags));
  for (const std::string& warning : report.warnings) {
    text += "- warning: " + markdown_text(warning) + "\n";
  }
  std::string command = ascii(join(report.tool.argv, " "));
  // A run of backticks would end the block.
  for (char& c : command) c = c == '`' ? '\'' : c;
  return text + "\n```sh\n" + command + "\n```\n";
}

}  // namespace ryz::report
