#include "harness/cli/help.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "reports/render/format.h"

namespace ryz {
namespace {

constexpr std::size_t kColumn = 27;  // where descriptions begin
constexpr unsigned kWidest = 110;    // longer lines are hard to read

class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(unsigned width) : width_(std::clamp(width, 60U, kWidest)) {}

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string what = make_option_desc(option);
    const std::string& preset = option->get_default_str();
    if (option->get_items_expected_max() > 0 && !preset.empty()) what += " [" + preset + "]";
    return entry(make_option_name(option, is_positional) + make_option_opts(option), what);
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_items_expected_max() > 0) {
      const std::string type = option->get_type_name();
      text += " " + type.substr(0, type.find(':'));
    }
    if (option->get_required()) text += " (required)";
    if (!option->get_envname().empty()) text += " (or " + option->get_envname() + ")";
    return text;
  }

  std::string make_subcommand(const CLI::App* sub) const override {
    return entry(sub->get_name(), sub->get_description());
  }

  std::string make_description(const CLI::App* app) const override {
    return report::wrap(app->get_description(), width_, "", "");
  }

  // CLI11 leaves none or two empty lines between parts; one reads best.
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    const std::string raw = CLI::Formatter::make_help(app, std::move(name), mode);
    std::string text;
    for (std::size_t at = 0; at < raw.size(); ++at) {
      if (raw.compare(at, 7, "\nUsage:") == 0 && text.back() != '\n') text += '\n';
      if (raw[at] == '\n' && text.ends_with("\n\n")) continue;
      text += raw[at];
    }
    return text;
  }

  // Sentences are wrapped as one paragraph; indented lines are examples, each a line.
  std::string make_footer(const CLI::App* app) const override {
    std::istringstream lines(app->get_footer());
    std::string text = "\n";
    std::string paragraph;
    const auto finish = [&] {
      if (!paragraph.empty()) text += report::wrap(paragraph, width_, "", "");
      paragraph.clear();
    };
    for (std::string line; std::getline(lines, line);) {
      const bool example = line.rfind("  ", 0) == 0;
      const bool title = line.rfind("Examples", 0) == 0 && line.back() == ':';
      if (example || title) finish();
      if (example) {
        text += report::wrap(line, width_, "  ", "      ");
      } else {
        paragraph += (paragraph.empty() ? "" : " ") + line;
      }
      if (title) finish();
    }
    finish();
    return paragraph.empty() && text == "\n" ? "" : text;
  }

 private:
  std::string entry(const std::string& name, const std::string& what) const {
    const std::string rest(kColumn, ' ');
    std::string first = "  " + name;
    std::string before;
    if (first.size() + 1 > kColumn) {
      before = first + "\n";
      first.clear();
    }
    first.resize(kColumn, ' ');
    return before + report::wrap(what, width_, first, rest);
  }

  unsigned width_;
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_formatter(unsigned width) {
  return std::make_shared<HelpFormatter>(width);
}

std::string fit_error(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (!result.empty()) result += '\n';
    std::size_t indent = 0;
    if (line.rfind("error", 0) == 0) indent = 2;
    if (line.rfind("  help: ", 0) == 0) indent = 8;
    while (indent > 0 && line.size() > width) {
      const std::size_t at = line.rfind(' ', width);
      if (at == std::string::npos || at <= indent) break;
      result += line.substr(0, at) + "\n";
      line = std::string(indent, ' ') + line.substr(at + 1);
    }
    result += line;
  }
  return result;
}

}  // namespace ryz
