// A kernel's answers beside the naive ones, before anything is timed.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "harness/measure/session.h"
#include "reports/report.h"

namespace ryz {

// ‖y − ŷ‖₂ / ‖y‖₂ in double; 0 where both are zero, infinity where only y is or where a value is
// not finite.
double relative_l2(const float* y, const float* y_hat, std::size_t n);

// FNV-1a of the values' bytes, in hex: equal digests mean byte-identical logits.
std::string digest(const float* values, std::size_t n);

struct KernelCheck {
  report::Errors errors;
  bool products_equal = false;  // every element, bit for bit
  bool logits_equal =
      false;  // of the forced prompt's last position; of its second where it is long
  double prompt_tokens_per_s = 0.0;              // rough, of the check itself: for planning only
  std::map<std::uint32_t, std::uint64_t> calls;  // IsaSet::bits of the code that ran → calls
};

// All products of the naive run's last token, multiplied by the spec's kernel on the naive run's
// activations, and (with_logits) the forced prompt in one batch with the kernel everywhere.
KernelCheck check_kernel(Session& session, const CellSpec& spec, bool with_logits);

// Checks of one session's kernels, each made once: by all threads under the repaired schedule.
class KernelChecks {
 public:
  explicit KernelChecks(Session& session) : session_(&session) {}
  const KernelCheck& get(const CellSpec& spec, bool with_logits);

 private:
  Session* session_;
  std::map<const Kernel*, KernelCheck> checks_;  // by the kernel that is called
};

// The cell itself, in its own phase, schedule and thread count: the first `tokens` forced tokens
// against the naive logits of that position. Byte for byte for exact encodings.
struct CellCheck {
  bool equal = false;
  double error = 0.0;
  double seconds = 0.0;  // of the run: the pilot
  std::string digest;
};
// Whether logits are those of the naive run after so many forced tokens, byte for byte.
bool equals_naive(Session& session, const std::vector<float>& logits, std::size_t tokens);

CellCheck check_cell(Session& session, const CellSpec& spec, std::size_t tokens);

}  // namespace ryz
