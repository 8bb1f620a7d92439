#include "harness/diagnose/verdict_text.h"

#include <fmt/format.h>

#include <utility>

namespace ryz::verdict {

std::string ratio_text(const MeasuredRatio& m) {
  return fmt::format("{:.2f}x [{:.2f}, {:.2f}], n={}", m.ratio.ratio, m.ratio.lo, m.ratio.hi,
                     m.ratio.n);
}

report::Evidence ratio_evidence(const std::string& fact, const MeasuredRatio& m) {
  return {fact + fmt::format(" (95 % interval {:.3f} to {:.3f})", m.ratio.lo, m.ratio.hi),
          m.ratio.ratio, "ratio", m.cells};
}

void set(report::Verdict& v, report::State state, const char* code, std::string summary,
         std::string next_step) {
  v.state = state;
  v.code = code;
  v.summary = std::move(summary);
  v.next_step = std::move(next_step);
}

}  // namespace ryz::verdict
