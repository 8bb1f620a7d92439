// How verdicts word what they were concluded from.
#pragma once

#include <string>

#include "harness/diagnose/verdicts.h"

namespace ryz::verdict {

// "1.25x [1.20, 1.31], n=8".
std::string ratio_text(const MeasuredRatio& m);

// A ratio with its interval and cells.
report::Evidence ratio_evidence(const std::string& fact, const MeasuredRatio& m);

void set(report::Verdict& v, report::State state, const char* code, std::string summary,
         std::string next_step);

}  // namespace ryz::verdict
