#include "reports/report.h"

#include <array>
#include <utility>

namespace ryz::report {
namespace {

constexpr std::array<std::pair<Status, const char*>, 4> kStatuses{{
    {Status::kOk, "ok"},
    {Status::kWrong, "wrong"},
    {Status::kSkipped, "skipped"},
    {Status::kFailed, "failed"},
}};

constexpr std::array<std::pair<State, const char*>, 3> kStates{{
    {State::kClear, "clear"},
    {State::kBlocked, "blocked"},
    {State::kUnknown, "unknown"},
}};

template <class Table, class Value>
const char* name_in(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return "unknown";
}

template <class Value, class Table>
std::optional<Value> value_in(const Table& table, std::string_view text) {
  for (const auto& [value, name] : table) {
    if (text == name) return value;
  }
  return std::nullopt;
}

}  // namespace

const char* status_name(Status status) { return name_in(kStatuses, status); }
std::optional<Status> status_from_name(std::string_view name) {
  return value_in<Status>(kStatuses, name);
}

const char* state_name(State state) { return name_in(kStates, state); }
std::optional<State> state_from_name(std::string_view name) {
  return value_in<State>(kStates, name);
}

}  // namespace ryz::report
