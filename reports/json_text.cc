#include "reports/json_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <iterator>

namespace ryz::report {

// By hand: the JSON library would print each float as the double next to it.
std::string logits_json(std::span<const float> logits, std::span<const std::int32_t> generated) {
  std::string text = "{\"logits\": [";
  bool finite = true;
  const char* separator = "";
  for (const float value : logits) {
    text += separator;
    separator = ",\n ";
    if (std::isfinite(value)) {
      fmt::format_to(std::back_inserter(text), "{}", value);
    } else {
      text += "null";
      finite = false;
    }
  }
  text += "]";
  if (!finite) text += ",\n \"logits_reason\": \"null values are not finite\"";
  if (!generated.empty()) {
    text += fmt::format(",\n \"generated\": [{}]", fmt::join(generated, ", "));
  }
  return text + "}\n";
}

}  // namespace ryz::report
