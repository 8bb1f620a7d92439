#include "reports/render/csv.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <string_view>
#include <vector>

namespace ryz::report {
namespace {

std::string in_quotes(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + "\"";
}

std::string number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? fmt::format("{}", *value) : std::string();
}

std::string yes_no(bool value) { return value ? "true" : "false"; }

struct Field {
  const char* name;
  std::function<std::string(const Cell&)> of;
};

// A member of the cell's throughput.
template <class T>
std::function<std::string(const Cell&)> speed(T Throughput::*member) {
  return [member](const Cell& c) {
    return c.tok_per_s ? number(static_cast<double>((*c.tok_per_s).*member)) : std::string();
  };
}

const std::vector<Field>& csv_fields() {
  static const std::vector<Field> list{
      {"id", [](const Cell& c) { return c.id; }},
      {"phase", [](const Cell& c) { return c.phase; }},
      {"kernel", [](const Cell& c) { return c.kernel; }},
      {"encoding", [](const Cell& c) { return c.encoding; }},
      {"schedule", [](const Cell& c) { return c.schedule; }},
      {"grain", [](const Cell& c) { return std::to_string(c.grain); }},
      {"row_tile", [](const Cell& c) { return std::to_string(c.row_tile); }},
      {"grain_rows", [](const Cell& c) { return std::to_string(c.grain_rows); }},
      {"threads", [](const Cell& c) { return std::to_string(c.threads); }},
      {"model", [](const Cell& c) { return c.model; }},
      {"status", [](const Cell& c) { return std::string(status_name(c.status)); }},
      {"status_reason", [](const Cell& c) { return c.status_reason; }},
      {"tok_per_s", speed(&Throughput::median)},
      {"ci_lo", speed(&Throughput::ci_lo)},
      {"ci_hi", speed(&Throughput::ci_hi)},
      {"mad", speed(&Throughput::mad)},
      {"n", speed(&Throughput::n)},
      {"speedup", [](const Cell& c) { return number(c.speedup); }},
      {"efficiency", [](const Cell& c) { return number(c.efficiency); }},
      {"products_worst", [](const Cell& c) { return number(c.error.products_worst); }},
      {"products_median", [](const Cell& c) { return number(c.error.products_median); }},
      {"logits_error", [](const Cell& c) { return number(c.error.logits); }},
      {"activation_rms", [](const Cell& c) { return number(c.error.activation_rms); }},
      {"gb_per_s",
       [](const Cell& c) { return c.roofline ? number(c.roofline->gb_per_s) : std::string(); }},
      {"roof_ratio",
       [](const Cell& c) { return c.roofline ? number(c.roofline->roof_ratio) : std::string(); }},
      {"gmac_per_s",
       [](const Cell& c) { return c.roofline ? number(c.roofline->gmac_per_s) : std::string(); }},
      {"gmac_ratio",
       [](const Cell& c) { return c.roofline ? number(c.roofline->gmac_ratio) : std::string(); }},
      {"bound", [](const Cell& c) { return c.roofline ? c.roofline->bound : std::string(); }},
      {"beside_ratio",
       [](const Cell& c) { return c.roofline ? number(c.roofline->beside_ratio) : std::string(); }},
      {"weights_bytes", [](const Cell& c) { return std::to_string(c.weights_bytes); }},
      {"table_bytes", [](const Cell& c) { return std::to_string(c.table_bytes); }},
      {"called_as_requested",
       [](const Cell& c) { return yes_no(c.effective.called_as_requested); }},
      {"pinned", [](const Cell& c) { return yes_no(c.effective.pinned); }},
      {"repro", [](const Cell& c) { return c.repro; }},
  };
  return list;
}

}  // namespace

std::string render_csv(const Report& report) {
  std::string text;
  const auto line = [&](const std::function<std::string(const Field&)>& value) {
    const char* separator = "";
    for (const Field& field : csv_fields()) {
      text += separator + in_quotes(value(field));
      separator = ",";
    }
    text += "\r\n";
  };
  line([](const Field& field) { return std::string(field.name); });
  for (const Cell& cell : report.cells) {
    line([&](const Field& field) { return field.of(cell); });
  }
  return text;
}

}  // namespace ryz::report
