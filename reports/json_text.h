// Small JSON documents of their own, apart from the report.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ryz::report {

// {"logits": [...]}: the shortest decimals that read back as the same floats. JSON has no NaN, so
// a value that is not finite becomes null and "logits_reason" says so. With `generated` tokens,
// "generated": [...] too.
std::string logits_json(std::span<const float> logits,
                        std::span<const std::int32_t> generated = {});

}  // namespace ryz::report
