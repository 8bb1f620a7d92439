#include "reports/render/compare_text.h"

#include <fmt/format.h>

#include <cmath>

#include "reports/render/format.h"

namespace ryz::report {
namespace {

Style style_of(const CompareRow& row) {
  if (!row.gated) return Style::kDim;
  switch (row.change) {
    case Change::kInvalid:
    case Change::kRegressed:
    case Change::kMissing:
      return Style::kBad;
    case Change::kUnclear:
      return Style::kDoubtful;
    case Change::kImproved:
      return Style::kGood;
    case Change::kAdded:
    case Change::kSame:
      break;
  }
  return Style::kPlain;
}

// Only what changed and what the gate goes by, unless all is asked for: cells outside the gate have
// too few rounds for more than a count. Speeds of other conditions mean nothing.
bool shown(const CompareRow& row, const CompareResult& result, bool all) {
  if (all) return true;
  if (!result.comparable() && row.change != Change::kInvalid) return false;
  if (row.reason == "wrong_in_both") return false;  // a known-wrong encoding, most likely
  if (!row.gated && row.change != Change::kInvalid) return false;
  return row.change != Change::kSame;
}

// "not gated: 3 slower, 1 faster, 40 unclear, 2 missing, 5 added".
std::string ungated_text(const CompareResult& result) {
  const std::pair<Change, const char*> kinds[] = {
      {Change::kRegressed, "slower"}, {Change::kImproved, "faster"}, {Change::kUnclear, "unclear"},
      {Change::kMissing, "missing"},  {Change::kAdded, "added"},     {Change::kInvalid, "invalid"}};
  std::vector<std::string> parts;
  for (const auto& [change, name] : kinds) {
    std::size_t cells = 0;
    for (const CompareRow& row : result.rows) {
      if (!row.gated && row.change == change && row.reason != "wrong_in_both") ++cells;
    }
    if (cells > 0) parts.push_back(fmt::format("{} {}", cells, name));
  }
  return join(parts, ", ");
}

std::string row_text(const CompareRow& row, const TextOptions& options) {
  const std::string label =
      styled(fmt::format("{:<10}", change_name(row.change)), style_of(row), options.color);
  std::string facts = before_after(row);
  if (const std::string change = change_with_interval(row); !change.empty()) {
    facts += "  " + change;
  }
  facts += "  " + row.reason;
  if (row.q && row.test && row.change != Change::kSame) {
    facts += fmt::format(", q={:.2g}, floor {:.1f}%", *row.q, 100.0 * std::expm1(row.test->floor));
  }
  if (!row.gated) facts += ", not gated";
  if (!row.detail.empty()) facts += ": " + row.detail;
  const std::string id = ascii(row.id);
  if (11 + id.size() + 2 + ascii(facts).size() <= options.width) {
    return label + " " + id + "  " + ascii(facts) + "\n";
  }
  const std::size_t room = options.width > 11 ? options.width - 11 : 1;
  std::string result = label + " " + id.substr(0, room) + "\n";
  for (std::size_t at = room; at < id.size(); at += room) {
    result += std::string(11, ' ') + id.substr(at, room) + "\n";
  }
  return result + wrap(facts, options.width, "             ", "             ");
}

void add_differences(const char* label, const std::vector<Difference>& differences,
                     const TextOptions& options, std::string& text) {
  for (const Difference& d : differences) {
    text += wrap(fmt::format("{}: {} -> {}{}", d.key, d.base.empty() ? "(none)" : d.base,
                             d.fresh.empty() ? "(none)" : d.fresh,
                             d.allowed && label[0] == 'd' ? " (allowed)" : ""),
                 options.width, fmt::format("{:<10} ", label), std::string(13, ' '));
  }
}

}  // namespace

std::string before_after(const CompareRow& row) {
  if (row.base_tok_per_s && row.fresh_tok_per_s) {
    return fmt::format("{} -> {} tok/s", number_text(*row.base_tok_per_s),
                       number_text(*row.fresh_tok_per_s));
  }
  return fmt::format("{} -> {}", row.base_status, row.fresh_status);
}

std::string change_with_interval(const CompareRow& row) {
  if (!row.change_ratio) return {};
  std::string text = change_text(*row.change_ratio);
  if (row.ci_lo && row.ci_hi && *row.ci_lo < *row.ci_hi) {
    text += fmt::format(" [{:+.1f},{:+.1f}]", 100.0 * *row.ci_lo, 100.0 * *row.ci_hi);
  }
  return text;
}

std::string compare_summary(const CompareResult& r) {
  if (!r.comparable()) {
    return fmt::format("gate: not applied to {} cells, the reports are not comparable; {} invalid",
                       r.rows.size(), r.count(Change::kInvalid));
  }
  std::string text = fmt::format(
      "gate: {} of {} cells, threshold {:.3g}%: {} regressed, {} missing, {} invalid, {} unclear, "
      "{} improved, {} same",
      r.gated, r.rows.size(), 100.0 * r.threshold, r.count(Change::kRegressed),
      r.count(Change::kMissing), r.count(Change::kInvalid), r.count(Change::kUnclear),
      r.count(Change::kImproved), r.count(Change::kSame));
  if (r.geomean_ratio) {
    text += fmt::format("; geomean {} over {} common cell{}", change_text(*r.geomean_ratio - 1.0),
                        r.geomean_cells, r.geomean_cells == 1 ? "" : "s");
  }
  return text;
}

std::string allow_hint(const CompareResult& result) {
  std::vector<std::string> keys;
  for (const Difference& d : result.hard) {
    if (!d.allowed) keys.push_back(d.key);
  }
  return keys.empty() ? std::string() : "--allow " + join(keys, ",");
}

std::string render_text(const CompareResult& r, const TextOptions& options) {
  const auto side = [&](const char* label, const CompareSide& s) {
    return wrap(fmt::format("{} of {}, commit {}, machine {}", s.report_id, s.created_utc,
                            s.git_sha.substr(0, 12), s.machine_key),
                options.width, fmt::format("{:<10} ", label), std::string(13, ' '));
  };
  std::string text = side("base", r.base) + side("new", r.fresh);
  add_differences("differs", r.hard, options, text);
  add_differences("note", r.soft, options, text);
  for (const auto& warning : r.warnings) {
    text += wrap(warning, options.width, "warning    ", std::string(13, ' '));
  }
  if (!r.comparable()) {
    text += wrap(
        "the reports are not comparable: run the base on this machine with the same "
        "options; to compare nevertheless: " +
            allow_hint(r),
        options.width, "", "  ");
  }
  std::size_t hidden = 0;
  for (const CompareRow& row : r.rows) {
    if (shown(row, r, options.all)) {
      text += row_text(row, options);
    } else {
      ++hidden;
    }
  }
  if (hidden > 0) {
    text += fmt::format("{} more cell{} (--all lists them)", hidden, hidden == 1 ? "" : "s");
    const std::string ungated = r.comparable() ? ungated_text(r) : std::string();
    text += ungated.empty() ? "\n" : fmt::format("; not gated: {}\n", ungated);
  }
  if (r.comparable() && !r.hint.empty()) text += wrap(r.hint, options.width, "hint: ", "      ");
  return text + wrap(compare_summary(r), options.width, "", "  ");
}

}  // namespace ryz::report
