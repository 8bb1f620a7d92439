// Small JSON documents of their own, apart from the report.
#pragma once

#include <span>
#include <string>

namespace ryz::report {

// {"logits": [...]}: the shortest decimals that read back as the same floats. JSON has no NaN, so
// a value that is not finite becomes null and "logits_reason" says so.
std::string logits_json(std::span<const float> logits);

}  // namespace ryz::report
