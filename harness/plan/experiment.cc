#include "harness/plan/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"
#include "reports/error.h"

namespace ryz {
namespace {

using Json = nlohmann::ordered_json;

class ExperimentReader {
 public:
  ExperimentReader(const std::string& where, const std::vector<std::string>& flags)
      : where_(where), flags_(flags) {}

  Experiment read(std::string_view text) {
    const Json document = parse(text);
    if (!document.is_object()) refuse("an experiment is a JSON object", "");
    Experiment e;
    e.name = required_text(document, "name");
    e.question = required_text(document, "question");
    if (const auto kind = document.find("kind"); kind != document.end()) {
      if (*kind == "encoding-error") {
        e.kind = ExperimentKind::kEncodingError;
      } else if (*kind != "sweep") {
        refuse("\"kind\" is \"sweep\" or \"encoding-error\"", "");
      }
    }
    for (const auto& [key, value] : document.items()) {
      if (key == "name" || key == "question" || key == "kind") continue;
      if (e.kind == ExperimentKind::kSweep) {
        sweep_key(e, key, value);
      } else {
        error_key(e, key, value);
      }
    }
    if (e.kind == ExperimentKind::kEncodingError && e.rms.empty()) {
      refuse("\"rms\" is missing", "a list of numbers above 0");
    }
    return e;
  }

 private:
  [[noreturn]] void refuse(const std::string& message, const std::string& help) const {
    throw UsageError(
        {.id = "RZ220",
         .message = message,
         .flag = where_,
         .text = "",
         .help = help.empty() ? "experiments/ has examples; README.md describes them" : help});
  }

  // nlohmann/json keeps the last of two equal keys; a file that says two things says nothing.
  Json parse(std::string_view text) const {
    std::vector<std::set<std::string>> open;
    std::string twice;
    const auto watch = [&](int /*depth*/, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::object_start) open.emplace_back();
      if (event == Json::parse_event_t::object_end) open.pop_back();
      if (event == Json::parse_event_t::key && twice.empty()) {
        const auto key = parsed.get<std::string>();
        if (!open.back().insert(key).second) twice = key;
      }
      return true;
    };
    Json document;
    try {
      document = Json::parse(text, watch);
    } catch (const Json::exception& error) {
      throw report::ReportError(fmt::format("cannot read experiment {}: {}", where_, error.what()));
    }
    if (!twice.empty()) refuse("\"" + twice + "\" is given twice", "");
    return document;
  }

  std::string required_text(const Json& document, const char* key) const {
    const auto value = document.find(key);
    if (value == document.end() || !value->is_string() || value->get<std::string>().empty()) {
      refuse(fmt::format("\"{}\" is missing or not a text", key), "");
    }
    return value->get<std::string>();
  }

  [[noreturn]] void unknown(const std::string& key, const std::vector<std::string>& known) const {
    const std::string near = nearest_name(key, known);
    refuse("unknown key \"" + key + "\"", (near.empty() ? "" : "did you mean \"" + near + "\"? ") +
                                              "known: name, question, kind, " + join_names(known));
  }

  std::string scalar(const std::string& key, const Json& value) const {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number()) return value.dump();
    refuse("\"" + key + "\" takes texts and numbers", "");
  }

  void sweep_key(Experiment& e, const std::string& key, const Json& value) const {
    if (std::find(flags_.begin(), flags_.end(), key) == flags_.end()) unknown(key, flags_);
    const std::string flag = "--" + key;
    if (value.is_boolean()) {
      if (value.get<bool>()) e.flags.push_back(flag);
      return;
    }
    std::string text;
    if (value.is_array()) {
      if (value.empty()) refuse("\"" + key + "\" is an empty list", "");
      for (const Json& item : value) text += (text.empty() ? "" : ",") + scalar(key, item);
    } else {
      text = scalar(key, value);
    }
    // One word, so that a value may begin with a dash without being taken for a flag.
    e.flags.push_back(flag + "=" + text);
  }

  template <class T>
  T whole_number(const std::string& key, const Json& value, std::uint64_t least) const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least ||
        value.get<std::uint64_t>() > kMost) {
      refuse("\"" + key + "\" is a whole number from " + std::to_string(least), "");
    }
    return static_cast<T>(value.get<std::uint64_t>());
  }

  void error_key(Experiment& e, const std::string& key, const Json& value) const {
    if (key == "rms") {
      if (!value.is_array()) refuse("\"rms\" is a list of numbers above 0", "");
      for (const Json& item : value) {
        const double rms = item.is_number() ? item.get<double>() : 0.0;
        if (!(rms > 0.0) || !std::isfinite(rms)) refuse("\"rms\" is a list of numbers above 0", "");
        e.rms.push_back(rms);
      }
    } else if (key == "encoding") {
      std::string names;
      for (const Json& item : value.is_array() ? value : Json::array({value})) {
        names += (names.empty() ? "" : ",") + scalar(key, item);
      }
      e.encodings = names;
    } else if (key == "rows") {
      e.rows = whole_number<std::size_t>(key, value, 1);
    } else if (key == "cols") {
      e.cols = whole_number<std::size_t>(key, value, 1);
    } else if (key == "seed") {
      e.seed = whole_number<std::uint64_t>(key, value, 0);
    } else {
      unknown(key, {"encoding", "rms", "rows", "cols", "seed"});
    }
    constexpr std::size_t kMostWeights = std::size_t{1} << 28;
    if (e.rows > kMostWeights / e.cols) refuse("\"rows\" x \"cols\" is more than 2^28", "");
  }

  const std::string& where_;
  const std::vector<std::string>& flags_;
};

}  // namespace

Experiment parse_experiment(std::string_view text, const std::string& where,
                            const std::vector<std::string>& flags) {
  return ExperimentReader(where, flags).read(text);
}

std::string experiment_report_path(const std::string& directory, const std::string& experiment) {
  const std::filesystem::path name = std::filesystem::path(experiment).filename();
  return (std::filesystem::path(directory) / name).string();
}

}  // namespace ryz
