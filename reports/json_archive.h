// Turns report types into JSON and back. Each type's members are listed once, in a template
// fields(archive, value) that both directions run, so that they cannot drift apart. Private to the
// JSON files here.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "reports/error.h"
#include "reports/report.h"

namespace ryz::report::detail {

using OrderedJson = nlohmann::ordered_json;  // written: members keep the order of their list
using Json = nlohmann::json;                 // read: looks members up in a tree

// What fields(archive, value) takes: constant when the archive only writes.
template <class Archive, class T>
using Of = std::conditional_t<Archive::kWriting, const T, T>;

inline std::string reason_key(std::string_view name) { return std::string(name) + "_reason"; }

// ---- writing -----------------------------------------------------------------------------------
class Writer {
 public:
  static constexpr bool kWriting = true;
  explicit Writer(OrderedJson& object) : object_(object) { object_ = OrderedJson::object(); }

  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (std::floating_point<T>) {
      number(name, value);
    } else {
      object_[name] = encode(value);
    }
  }

  // An empty value becomes null with a reason beside it; `kept` is the report's own reason.
  template <class T>
  void optional(const char* name, const std::optional<T>& value, const std::string& kept,
                std::string_view fallback) {
    if (!value) {
      object_[name] = nullptr;
      object_[reason_key(name)] = kept.empty() ? std::string(fallback) : kept;
    } else {
      (*this)(name, *value);
    }
  }
  template <class T>
  void optional(const char* name, const std::optional<T>& value, std::string_view fallback) {
    optional(name, value, std::string(), fallback);
  }

  // Fields of later minor versions: left out where there is nothing to say.
  template <class T>
  void later(const char* name, const std::optional<T>& value) {
    if (value) (*this)(name, *value);
  }
  template <class T>
  void later(const char* name, const std::vector<T>& values) {
    if (!values.empty()) (*this)(name, values);
  }
  template <class T>
  void later(const char* name, const std::map<std::string, T>& values) {
    if (!values.empty()) (*this)(name, values);
  }
  void later(const char* name, const std::string& value) {
    if (!value.empty()) (*this)(name, value);
  }

  template <class Fill>
  void group(const char* name, Fill&& fill) {
    OrderedJson inner;
    Writer writer(inner);
    fill(writer);
    object_[name] = std::move(inner);
  }

  // A list as an object keyed by the elements' `name`, which must be unique.
  template <class T>
  void keyed(const char* name, const std::vector<T>& values) {
    OrderedJson inner = OrderedJson::object();
    for (const T& value : values) {
      OrderedJson element = encode(value);
      element.erase("name");
      inner[value.name] = std::move(element);
    }
    object_[name] = std::move(inner);
  }

 private:
  // JSON has no NaN and no infinity.
  void number(const char* name, double value) {
    if (std::isfinite(value)) {
      object_[name] = value;
    } else {
      object_[name] = nullptr;
      object_[reason_key(name)] = std::isnan(value) ? "not finite: nan" : "not finite: inf";
    }
  }

  static OrderedJson encode(const std::string& value) { return value; }
  static OrderedJson encode(Status value) { return status_name(value); }
  static OrderedJson encode(State value) { return state_name(value); }
  static OrderedJson encode(double value) {  // of a list or map: nowhere to put a reason
    return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
  }
  template <std::integral T>
  static OrderedJson encode(T value) {
    return value;
  }
  template <class T>
  static OrderedJson encode(const std::vector<T>& values) {
    OrderedJson list = OrderedJson::array();
    for (const T& value : values) list.push_back(encode(value));
    return list;
  }
  template <class T>
  static OrderedJson encode(const std::map<std::string, T>& values) {
    OrderedJson object = OrderedJson::object();
    for (const auto& [key, value] : values) object[key] = encode(value);
    return object;
  }
  template <class T>
  requires std::is_class_v<T>
  static OrderedJson encode(const T& value) {
    OrderedJson object;
    Writer writer(object);
    fields(writer, value);
    return object;
  }

  OrderedJson& object_;
};

// ---- reading -----------------------------------------------------------------------------------
// Where in the document, spelt out only when something is wrong.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;

  std::string text() const {
    if (parent == nullptr) return std::string(name);
    const std::string before = parent->text();
    if (name.empty()) return fmt::format("{}[{}]", before, index);
    return parent->parent == nullptr ? fmt::format("{}: {}", before, name)
                                     : fmt::format("{}.{}", before, name);
  }
};

[[noreturn]] inline void refuse(const Place& place, const std::string& why) {
  throw ReportError(
      fmt::format("cannot read report {}: {}; it was cut off, edited or written by another tool: "
                  "write it again",
                  place.text(), why));
}

[[noreturn]] inline void refuse_type(const Place& place, const std::string& expected,
                                     const Json& found) {
  std::string what = found.type_name();
  if (found.is_number()) what += " " + found.dump();
  refuse(place, fmt::format("expected {}, found {}", expected, what));
}

class Reader {
 public:
  static constexpr bool kWriting = false;
  Reader(const Json& object, const Place& place) : object_(object), place_(place) {
    if (!object.is_object()) refuse_type(place, "an object", object);
  }

  template <class T>
  void operator()(const char* name, T& value) {
    const Json& found = member(name);
    if constexpr (std::floating_point<T>) {
      // What the writer makes of a value that is not finite.
      if (found.is_null() && object_.contains(reason_key(name))) {
        value = std::numeric_limits<T>::quiet_NaN();
        return;
      }
    }
    decode(found, value, Place{&place_, name});
  }

  template <class T>
  void optional(const char* name, std::optional<T>& value, std::string& kept,
                std::string_view /*fallback*/) {
    const Json& found = member(name);
    value.reset();
    kept.clear();
    if (!found.is_null()) {
      decode(found, value.emplace(), Place{&place_, name});
    } else if (const auto reason = object_.find(reason_key(name)); reason != object_.end()) {
      decode(*reason, kept, Place{&place_, name});
    }
  }
  template <class T>
  void optional(const char* name, std::optional<T>& value, std::string_view fallback) {
    std::string dropped;
    optional(name, value, dropped, fallback);
  }

  template <class T>
  void later(const char* name, std::optional<T>& value) {
    if (object_.contains(name)) (*this)(name, value.emplace());
  }
  template <class T>
  void later(const char* name, std::vector<T>& values) {
    if (object_.contains(name)) (*this)(name, values);
  }
  template <class T>
  void later(const char* name, std::map<std::string, T>& values) {
    if (object_.contains(name)) (*this)(name, values);
  }
  void later(const char* name, std::string& value) {
    if (object_.contains(name)) (*this)(name, value);
  }

  template <class Fill>
  void group(const char* name, Fill&& fill) {
    const Place place{&place_, name};
    Reader reader(member(name), place);
    fill(reader);
  }

  template <class T>
  void keyed(const char* name, std::vector<T>& values) {
    const Json& found = member(name);
    const Place place{&place_, name};
    if (!found.is_object()) refuse_type(place, "an object", found);
    values.clear();
    for (const auto& [key, element] : found.items()) {
      const Place inner{&place, key};
      if (!element.is_object()) refuse_type(inner, "an object", element);
      Json named = element;
      named["name"] = key;
      decode(named, values.emplace_back(), inner);
    }
  }

 private:
  const Json& member(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) refuse(place_, fmt::format("\"{}\" is missing", name));
    return *found;
  }

  static void decode(const Json& json, std::string& value, const Place& place) {
    if (!json.is_string()) refuse_type(place, "a string", json);
    value = json.get_ref<const std::string&>();
  }
  static void decode(const Json& json, bool& value, const Place& place) {
    if (!json.is_boolean()) refuse_type(place, "true or false", json);
    value = json.get<bool>();
  }
  static void decode(const Json& json, double& value, const Place& place) {
    if (!json.is_number()) refuse_type(place, "a number", json);
    value = json.get<double>();
  }
  template <std::integral T>
  static void decode(const Json& json, T& value, const Place& place) {
    bool fits = false;
    if (json.is_number_unsigned()) {
      fits = std::in_range<T>(json.get<std::uint64_t>());
    } else if (json.is_number_integer()) {
      fits = std::in_range<T>(json.get<std::int64_t>());
    }
    if (!fits) {
      refuse_type(place,
                  fmt::format("a whole number from {} to {}", std::numeric_limits<T>::min(),
                              std::numeric_limits<T>::max()),
                  json);
    }
    value = json.get<T>();
  }
  static void decode(const Json& json, Status& value, const Place& place) {
    decode_name(json, value, status_from_name, "ok, wrong, skipped or failed", place);
  }
  static void decode(const Json& json, State& value, const Place& place) {
    decode_name(json, value, state_from_name, "clear, blocked or unknown", place);
  }
  template <class T, class Lookup>
  static void decode_name(const Json& json, T& value, Lookup lookup, const char* names,
                          const Place& place) {
    std::string text;
    decode(json, text, place);
    const auto found = lookup(text);
    if (!found) refuse(place, fmt::format("expected {}, found another word", names));
    value = *found;
  }
  template <class T>
  static void decode(const Json& json, std::vector<T>& values, const Place& place) {
    if (!json.is_array()) refuse_type(place, "a list", json);
    values.clear();
    for (const Json& element : json) {
      const Place inner{&place, {}, values.size()};
      decode(element, values.emplace_back(), inner);
    }
  }
  template <class T>
  static void decode(const Json& json, std::map<std::string, T>& values, const Place& place) {
    if (!json.is_object()) refuse_type(place, "an object", json);
    values.clear();
    for (const auto& [key, element] : json.items()) {
      decode(element, values[key], Place{&place, key});
    }
  }
  template <class T>
  requires std::is_class_v<T>
  static void decode(const Json& json, T& value, const Place& place) {
    Reader reader(json, place);
    fields(reader, value);
  }

  const Json& object_;
  const Place& place_;
};

}  // namespace ryz::report::detail
