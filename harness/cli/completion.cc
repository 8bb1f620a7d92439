#include "harness/cli/completion.h"

#include <fmt/format.h>

#include <vector>

#include "model/config.h"

namespace ryz {
namespace {

struct FlagInfo {
  std::string name;  // "--rounds"
  std::string what;
  bool takes_value = false;
  std::vector<std::string> choices;  // empty: a file or free text
};

struct CommandInfo {
  std::string name, what;
  std::vector<FlagInfo> flags;
  std::vector<std::string> words;  // of its positional argument
  bool takes_file = false;
};

// "{text,json}" in a type's name: what CLI::IsMember accepts.
std::vector<std::string> members(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}', begin);
  std::vector<std::string> names;
  if (begin == std::string::npos || end == std::string::npos) return names;
  for (std::size_t at = begin + 1; at < end;) {
    const std::size_t comma = std::min(type.find(',', at), end);
    names.push_back(type.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

FlagInfo describe(const CLI::Option& option, const Catalogue& catalogue) {
  FlagInfo flag;
  flag.name = "--" + option.get_lnames().front();
  flag.what = option.get_description();
  flag.takes_value = option.get_items_expected_max() > 0;
  flag.choices = members(option);
  if (flag.name == "--kernel") flag.choices = catalogue.kernel_names();
  if (flag.name == "--encoding") flag.choices = catalogue.encoding_names();
  if (flag.name == "--kernel" || flag.name == "--encoding") {
    flag.choices.insert(flag.choices.end(), {"all", "auto"});
  }
  if (flag.name == "--model" || flag.name == "--ladder") flag.choices = preset_names();
  if (flag.name == "--phase") flag.choices = {"decode", "prefill", "all"};
  if (flag.name == "--schedule") flag.choices = {"static", "dynamic", "guided", "stealing", "all"};
  return flag;
}

CommandInfo describe(const CLI::App& app, const Catalogue& catalogue) {
  CommandInfo command;
  command.name = app.get_name();
  command.what = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_lnames().empty()) {
      command.flags.push_back(describe(*option, catalogue));
    } else if (option->get_positional()) {
      const std::vector<std::string> words = members(*option);
      command.words.insert(command.words.end(), words.begin(), words.end());
      command.takes_file = command.takes_file || words.empty();
    }
  }
  return command;
}

std::string spaced(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// 'text' for any of the three shells; what it must not hold is left out.
std::string shell_quoted(const std::string& text, const std::string& without = "") {
  std::string clean;
  for (const char c : text) {
    if (c == '\'' || c == '\\' || c == '\n' || without.find(c) != std::string::npos) continue;
    clean += c;
  }
  return "'" + clean + "'";
}

std::string names_of(const std::vector<FlagInfo>& flags) {
  std::vector<std::string> names;
  for (const FlagInfo& flag : flags) names.push_back(flag.name);
  return spaced(names);
}

std::string bash(const CommandInfo& top, const std::vector<CommandInfo>& commands) {
  std::string text =
      "# ryz-lab completion bash > /etc/bash_completion.d/ryz-lab, or: source <(...)\n"
      "_ryz_lab() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd='' word "
      "words=''\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in\n      ";
  std::vector<std::string> names;
  for (const CommandInfo& c : commands) names.push_back(c.name);
  text += fmt::format("{}) cmd=$word; break ;;\n    esac\n  done\n", fmt::join(names, "|"));
  text += "  case $cmd:$prev in\n";
  const auto values = [&](const CommandInfo& c, const std::string& name) {
    for (const FlagInfo& flag : c.flags) {
      if (!flag.takes_value) continue;
      // An empty list: the shell's own completion of files.
      text += fmt::format("    {}:{}) words={} ;;\n", name, flag.name,
                          shell_quoted(spaced(flag.choices)));
    }
  };
  values(top, "");
  for (const CommandInfo& c : commands) values(c, c.name);
  text +=
      fmt::format("    :*) words={} ;;\n", shell_quoted(spaced(names) + " " + names_of(top.flags)));
  for (const CommandInfo& c : commands) {
    // A file's name is wanted unless it begins with a dash.
    text += fmt::format("    {}:*) [[ $cur == -* || -n {} ]] && words={} ;;\n", c.name,
                        shell_quoted(spaced(c.words)),
                        shell_quoted(spaced(c.words) + " " + names_of(c.flags)));
  }
  return text +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -o default -F _ryz_lab ryz-lab\n";
}

std::string zsh_flags(const CommandInfo& c) {
  std::string text;
  for (const FlagInfo& flag : c.flags) {
    std::string spec =
        flag.name + (flag.takes_value ? "=" : "") + "[" + shell_quoted(flag.what, "[]:").substr(1);
    spec.pop_back();
    spec += "]";
    if (flag.takes_value) {
      spec += flag.choices.empty() ? ":value:_files" : ":value:(" + spaced(flag.choices) + ")";
    }
    text += " \\\n        " + shell_quoted(spec);
  }
  if (!c.words.empty()) text += " \\\n        " + shell_quoted("1:what:(" + spaced(c.words) + ")");
  if (c.takes_file) text += " \\\n        '*:file:_files'";
  return text;
}

std::string zsh(const CommandInfo& top, const std::vector<CommandInfo>& commands) {
  std::string text =
      "#compdef ryz-lab\n"
      "# ryz-lab completion zsh > ~/.zfunc/_ryz-lab (a folder of fpath), or: source <(...)\n"
      "_ryz-lab() {\n  local -a commands\n  local state line\n  commands=(\n";
  for (const CommandInfo& c : commands)
    text += "    " + shell_quoted(c.name + ":" + shell_quoted(c.what, ":").substr(1)) + "\n";
  text += "  )\n  _arguments -C" + zsh_flags(top) +
          " \\\n        '1:command:->command' '*::argument:->argument'\n"
          "  case $state in\n"
          "    command) _describe command commands ;;\n"
          "    argument)\n      case $line[1] in\n";
  for (const CommandInfo& c : commands) {
    text += fmt::format("      {}) _arguments{} ;;\n", c.name, zsh_flags(c));
  }
  return text +
         "      esac ;;\n  esac\n}\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _ryz-lab \"$@\"; else compdef "
         "_ryz-lab ryz-lab; fi\n";
}

std::string fish(const CommandInfo& top, const std::vector<CommandInfo>& commands) {
  std::string text = "# ryz-lab completion fish > ~/.config/fish/completions/ryz-lab.fish\n";
  const auto flags = [&](const CommandInfo& c, const std::string& condition) {
    for (const FlagInfo& flag : c.flags) {
      text += fmt::format("complete -c ryz-lab -n {} -l {} -d {}", shell_quoted(condition),
                          flag.name.substr(2), shell_quoted(flag.what));
      if (flag.takes_value && flag.choices.empty()) text += " -r";
      if (!flag.choices.empty()) text += " -x -a " + shell_quoted(spaced(flag.choices));
      text += "\n";
    }
  };
  flags(top, "__fish_use_subcommand");
  for (const CommandInfo& c : commands) {
    text += fmt::format("complete -c ryz-lab -f -n __fish_use_subcommand -a {} -d {}\n", c.name,
                        shell_quoted(c.what));
    const std::string inside = "__fish_seen_subcommand_from " + c.name;
    flags(c, inside);
    if (!c.words.empty()) {
      text += fmt::format("complete -c ryz-lab -f -n {} -a {}\n", shell_quoted(inside),
                          shell_quoted(spaced(c.words)));
    }
  }
  return text;
}

}  // namespace

std::string completion_script(const std::string& shell, const CLI::App& app,
                              const Catalogue& catalogue) {
  const CommandInfo top = describe(app, catalogue);
  std::vector<CommandInfo> commands;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(describe(*sub, catalogue));
  }
  if (shell == "zsh") return zsh(top, commands);
  if (shell == "fish") return fish(top, commands);
  return bash(top, commands);
}

}  // namespace ryz
