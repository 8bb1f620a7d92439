// Small documents that are not reports.
#pragma once

#include <span>
#include <string>

namespace ryz::report {

// {"logits": [...]}: nine digits, enough to give each float back; null where one is not finite.
std::string logits_json(std::span<const float> logits);

}  // namespace ryz::report
