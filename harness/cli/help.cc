#include "harness/cli/help.h"

#include <algorithm>
#include <sstream>

#include "reports/render/format.h"

namespace ryz {
namespace {

constexpr std::size_t kColumn = 27;  // where descriptions begin
constexpr unsigned kWidest = 110;    // longer lines are hard to read

class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(unsigned width) : width_(std::clamp(width, 60U, kWidest)) {}

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return entry(make_option_name(option, is_positional) + make_option_opts(option),
                 make_option_desc(option));
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_items_expected_max() > 0) {
      const std::string type = option->get_type_name();
      text += " " + type.substr(0, type.find(':'));
      if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
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
      if (example || line == "Examples:") finish();
      if (example) {
        text += report::wrap(line, width_, "  ", "      ");
      } else {
        paragraph += (paragraph.empty() ? "" : " ") + line;
      }
      if (line == "Examples:") finish();
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

}  // namespace ryz
