#include "reports/json_text.h"

#include <fmt/format.h>

#include <cmath>

namespace ryz::report {

std::string logits_json(std::span<const float> logits) {
  std::string text = "{\"logits\": [";
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::isfinite(logits[i]) ? fmt::format("{:.9g}", logits[i]) : "null";
  }
  return text + "]}\n";
}

}  // namespace ryz::report
