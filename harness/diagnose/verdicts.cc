#include "harness/diagnose/verdicts.h"

#include <fmt/format.h>

#include "harness/diagnose/verdict_text.h"

namespace ryz {
namespace {

using report::State;
using report::Verdict;
using verdict::ratio_evidence;
using verdict::ratio_text;
using verdict::set;

constexpr const char* kPlain = "plain x86-64";

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : " ") + n;
  return text.empty() ? kPlain : text;
}

// As the kernels' tally names it.
std::string readable(const std::string& isa) { return isa == "baseline" ? kPlain : isa; }

}  // namespace

Verdict judge_simd(const SimdEvidence& e) {
  Verdict v;
  v.name = "simd";
  v.rule = fmt::format(
      "blocked if the code that was called was compiled for another instruction set than the one "
      "requested, or its paired one-thread speed-up over scalar code of the same encoding is below "
      "{:g} at the lower bound, or another exact kernel here is at least {:g} times faster",
      kSimdSpeedupLimit, kSimdBelowCpuLimit);
  const report::Cell& cell = *e.subject;
  if (cell.effective.isa_called.empty()) {
    set(v, State::kUnknown, "UNKNOWN", "no call of a kernel was recorded", "measure the cell");
    return v;
  }
  std::vector<std::string> called;
  for (const auto& [isa, calls] : cell.effective.isa_called) {
    called.push_back(readable(isa));
    v.evidence.push_back({"calls of code compiled for: " + called.back(),
                          static_cast<double>(calls),
                          "calls",
                          {cell.id}});
  }
  v.evidence.push_back(
      {"requested: " + join(cell.effective.isa_requested), std::nullopt, "", {cell.id}});
  if (e.over_scalar) {
    v.evidence.push_back(ratio_evidence("speed over scalar code, one thread", *e.over_scalar));
  }
  if (e.other_over_subject) {
    v.evidence.push_back({"fastest other exact kernel over this one",
                          e.other_over_subject,
                          "ratio",
                          {e.other_cell, cell.id}});
  }
  if (!cell.effective.called_as_requested) {
    set(v, State::kBlocked, "SIMD_NOT_DISPATCHED",
        fmt::format("requested {}, but the code that ran was compiled for: {}",
                    join(cell.effective.isa_requested), fmt::join(called, "; ")),
        "find where the call is redirected; the kernel asked for never ran");
    v.impact_ratio = e.other_over_subject;
    return v;
  }
  if (!e.subject_is_baseline && e.over_scalar && e.over_scalar->ratio.lo < kSimdSpeedupLimit) {
    set(v, State::kBlocked, "SIMD_NO_SPEEDUP",
        "called as requested, yet " + ratio_text(*e.over_scalar) + " over scalar code",
        e.other_over_subject && *e.other_over_subject >= 1.0
            ? "use " + e.other_cell + " instead: this instruction does not pay here"
            : "this instruction does not pay here; look at a kernel that avoids it");
    v.impact_ratio = e.other_over_subject;
    return v;
  }
  if (e.other_over_subject && *e.other_over_subject >= kSimdBelowCpuLimit) {
    set(v, State::kBlocked, "SIMD_BELOW_CPU",
        fmt::format("called as requested, but another exact kernel is {:.1f} times faster",
                    *e.other_over_subject),
        "use " + e.other_cell);
    v.impact_ratio = e.other_over_subject;
    return v;
  }
  if (!e.over_scalar && !e.other_over_subject) {
    set(v, State::kUnknown, "UNKNOWN", "called as requested; nothing to compare its speed with",
        "measure the scalar kernel of the same encoding beside it");
    return v;
  }
  std::string summary = "called as requested";
  if (e.over_scalar) summary += ", " + ratio_text(*e.over_scalar) + " over scalar";
  set(v, State::kClear, "OK", summary, "");
  return v;
}

Verdict judge_encoding(const report::Cell& cell) {
  Verdict v;
  v.name = "encoding";
  v.rule =
      "blocked if a product differs from the naive int32 product, or the logits of the forced "
      "prompt from the naive ones, by more than the tolerance";
  const report::Errors& e = cell.error;
  const auto add = [&](const char* fact, std::optional<double> value, const char* unit) {
    if (value) v.evidence.push_back({fact, value, unit, {cell.id}});
  };
  add("relative error of the worst product", e.products_worst, "ratio");
  add("relative error of the median product", e.products_median, "ratio");
  add("RMS of the worst product's activations", e.activation_rms, "activation");
  add("relative error of the logits", e.logits, "ratio");
  if (e.mismatches)
    add("product elements that differ", static_cast<double>(*e.mismatches), "count");
  if (!e.products_worst) {
    set(v, State::kUnknown, "UNKNOWN", "no product was compared with the naive one",
        "run the cell: " + cell.status_reason);
    return v;
  }
  if (e.non_finite) {
    set(v, State::kBlocked, "NON_FINITE", "a result is NaN or infinite",
        "look at " + e.worst_product + " first");
    return v;
  }
  if (*e.products_worst > e.tolerance || e.mismatches.value_or(0) > 0) {
    set(v, State::kBlocked, "PRODUCTS_WRONG",
        fmt::format("products off by {:.0f} % at worst, {:.0f} % in the median{}",
                    100.0 * *e.products_worst, 100.0 * e.products_median.value_or(0.0),
                    e.logits ? fmt::format("; logits by {:.0f} %", 100.0 * *e.logits) : ""),
        "use an exact encoding; the first to look at is " + e.worst_product);
    return v;
  }
  if ((e.logits && *e.logits > e.tolerance) || cell.status == report::Status::kWrong) {
    set(v, State::kBlocked, "LOGITS_WRONG",
        cell.status_reason.empty()
            ? fmt::format("products are right, the logits are off by {:.3g}", *e.logits)
            : cell.status_reason,
        "the kernel is right alone: look at schedule, batch sizes and shared state");
    return v;
  }
  set(v, State::kClear, "OK", "every product and the logits equal the naive ones", "");
  return v;
}

Verdict judge_encoding(const EncodingEvidence& e) {
  Verdict v = judge_encoding(*e.subject);
  v.rule +=
      "; or a kernel alone, on one thread and matrices made for it, differs from the definition: "
      "by "
      "elements it did not write, only where columns are no whole block, only in batches, or by "
      "multiples of one table entry; right alone and wrong with threads is a race";
  if (e.kernels_probed == 0) return v;
  v.evidence.push_back({"kernels multiplied alone on one thread",
                        static_cast<double>(e.kernels_probed),
                        "count",
                        {}});
  if (!e.facts) {
    // Products are checked with all threads: wrong there and right here leaves the threads.
    if (v.code == "PRODUCTS_WRONG" || v.code == "LOGITS_WRONG" || v.code == "NON_FINITE") {
      set(v, State::kBlocked, "RACE",
          "every kernel is right alone on one thread, and wrong where threads multiply together",
          "look for memory that calls share: " + e.subject->id);
    }
    return v;
  }
  const KernelFacts& f = *e.facts;
  const auto add = [&](const char* fact, std::size_t value) {
    v.evidence.push_back({e.kernel + ": " + fact, static_cast<double>(value), "elements", {}});
  };
  add("left unwritten", f.unwritten);
  add("wrong, whole blocks of columns, one token", f.wrong_whole);
  add("wrong, whole blocks of columns, three tokens", f.wrong_batch);
  add("wrong, ragged columns", f.wrong_ragged);
  if (f.unwritten > 0) {
    set(v, State::kBlocked, "OUTPUT_UNWRITTEN", e.kernel + " returns without writing its results",
        "look at the kernel's body: was it compiled at all?");
  } else if (f.wrong_whole == 0 && f.wrong_batch == 0) {
    set(v, State::kBlocked, "TAIL_K",
        e.kernel + " is wrong only where the columns are no whole block",
        "look at how it ends a row");
  } else if (f.wrong_whole == 0) {
    set(v, State::kBlocked, "BATCH_ONLY", e.kernel + " is right for one token, wrong for three",
        "look at how it steps from token to token");
  } else if (f.reads_table && f.of_one_entry) {
    set(v, State::kBlocked, "LUT_ENTRY_WRONG",
        e.kernel + " is off by multiples of one amount: one table entry is wrong",
        "compare what it builds with the sums it stands for");
  } else {
    set(v, State::kBlocked, "PRODUCTS_WRONG", e.kernel + " is wrong alone on one thread",
        "ryz-lab verify names the first case");
  }
  return v;
}

}  // namespace ryz
