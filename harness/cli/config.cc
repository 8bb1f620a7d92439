#include "harness/cli/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"
#include "reports/error.h"
#include "reports/files.h"

namespace ryz {
namespace {

using Json = nlohmann::ordered_json;

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

// Flags that a file may hold: by long name, not those that end the program at once.
std::vector<const CLI::Option*> settable(const CLI::App& command) {
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name != "help" && name != "config" && name != "print-config") options.push_back(option);
  }
  return options;
}

// "--rounds" of "--rounds=3"; empty for what is no long flag.
std::string long_name(const std::string& argument) {
  if (argument.rfind("--", 0) != 0) return {};
  return argument.substr(2, argument.find('=') - 2);
}

// What --config is given, or null.
const std::string* config_value(const std::vector<std::string>& argv, std::string& storage) {
  for (std::size_t i = 1; i < argv.size() && argv[i] != "--"; ++i) {
    if (argv[i] == "--config" && i + 1 < argv.size()) return &argv[i + 1];
    if (argv[i].rfind("--config=", 0) == 0) {
      storage = argv[i].substr(9);
      return &storage;
    }
  }
  return nullptr;
}

Json parse(const std::string& path) {
  std::set<std::string> keys;
  const auto strict = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !keys.insert(value.get<std::string>()).second) {
      throw report::ReportError(
          fmt::format("{}: the key \"{}\" is there twice", path, value.get<std::string>()));
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(report::read_file(path), strict);
  } catch (const Json::exception& error) {
    throw report::ReportError(fmt::format("{} is not valid JSON: {}", path, error.what()));
  }
  if (!json.is_object()) {
    throw report::ReportError(
        fmt::format("{} holds no object; e.g. {{\"rounds\": 10, \"threads\": \"1-8\"}}", path));
  }
  return json;
}

[[noreturn]] void refuse(const std::string& path, const std::string& key,
                         const std::string& message, const std::string& help) {
  throw UsageError({.id = "RZ217",
                    .message = message,
                    .flag = path,
                    .text = key,
                    .length = std::max<std::size_t>(1, key.size()),
                    .help = help});
}

std::string scalar_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A number that needs no quotes, as it was typed.
Json printed(const CLI::Option& option, const std::string& text) {
  const std::string type = option.get_type_name();
  if (type.find("INT") != std::string::npos || type.find("FLOAT") != std::string::npos) {
    Json number = Json::parse(text, nullptr, false);
    if (number.is_number()) return number;
  }
  return text;
}

void print(const CLI::App& command, const Context& context) {
  std::string storage;
  const std::string* file = config_value(context.typed, storage);
  std::set<std::string> typed;
  for (const std::string& argument : context.typed) typed.insert(long_name(argument));
  Json json = Json::object();
  std::string origins;
  for (const CLI::Option* option : settable(command)) {
    const std::string& name = option->get_lnames().front();
    const bool given = option->count() > 0;
    if (is_flag(*option)) {
      json[name] = given;
    } else if (given) {
      json[name] = printed(*option, option->results().back());
    } else if (!option->get_default_str().empty()) {
      json[name] = printed(*option, option->get_default_str());
    }
    if (given) {
      const bool here = file == nullptr || typed.count(name) > 0;
      origins +=
          fmt::format("  {:<14} {}\n", name, here ? "from the command line" : "from " + *file);
    }
  }
  fmt::print("{}\n", json.dump(2));
  fmt::print(stderr, "{}",
             origins.empty() ? "all values are defaults\n" : "not a default:\n" + origins);
}

}  // namespace

void add_config_flags(CLI::App& command, const Context& context) {
  const std::string group = "Configuration";
  command.add_option("--config", "Flags from a JSON file; what is typed wins over it")
      ->group(group)
      ->type_name("FILE");
  // Last of the command's options: the others have been checked when this one ends the program.
  command
      .add_flag_callback(
          "--print-config",
          [&command, &context] {
            print(command, context);
            throw CLI::Success();
          },
          "Print what would be in effect, as a file for --config, and end")
      ->group(group);
}

std::vector<std::string> with_config(const std::vector<std::string>& argv, const CLI::App& app) {
  std::string storage;
  const std::string* path = config_value(argv, storage);
  if (path == nullptr) return argv;
  const CLI::App* command = nullptr;
  for (std::size_t i = 1; i < argv.size() && command == nullptr; ++i) {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_name() == argv[i]) command = sub;
    }
  }
  if (command == nullptr || command->get_option_no_throw("--config") == nullptr) return argv;

  std::set<std::string> typed;
  for (const std::string& argument : argv) typed.insert(long_name(argument));
  std::vector<std::string> known;
  for (const CLI::Option* option : settable(*command)) {
    known.push_back(option->get_lnames().front());
  }
  std::vector<std::string> result = argv;
  const auto end = std::find(result.begin(), result.end(), "--") - result.begin();
  std::vector<std::string> more;
  const Json json = parse(*path);  // items() refers to it
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string near = nearest_name(key, known);
      refuse(*path, key, fmt::format("`{}` has no such flag", command->get_name()),
             near.empty() ? "`ryz-lab " + command->get_name() + " --print-config` shows all keys"
                          : "did you mean " + near + "?");
    }
    const CLI::Option& option = *command->get_option("--" + key);
    if (is_flag(option)) {
      if (!value.is_boolean()) refuse(*path, key, "its value is true or false", "");
      if (value.get<bool>() && typed.count(key) == 0) more.push_back("--" + key);
      continue;
    }
    std::string text;
    if (value.is_array() && !value.empty() &&
        std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_primitive(); })) {
      for (const Json& item : value) text += (text.empty() ? "" : ",") + scalar_text(item);
    } else if (value.is_string() || value.is_number()) {
      text = scalar_text(value);
    } else {
      refuse(*path, key, "its value is a text, a number or a list of them", "");
    }
    if (typed.count(key) == 0) more.push_back("--" + key + "=" + text);
  }
  result.insert(result.begin() + end, more.begin(), more.end());
  return result;
}

}  // namespace ryz
