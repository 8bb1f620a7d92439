#include "reports/render/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace ryz::report {
namespace {

bool has_speed(const Cell& cell) { return cell.status == Status::kOk && cell.tok_per_s; }

double speed(const Cell* cell) { return cell != nullptr ? cell->tok_per_s->median : 0.0; }

// The switches of the schedule that are not at their repaired value: "scratch=pool pin=none".
std::string switches_text(const Cell& cell) {
  std::string text;
  for (std::size_t at = cell.id.find('@'); at != std::string::npos;) {
    const std::size_t end = std::min(cell.id.find('@', at + 1), cell.id.size());
    const std::string part = cell.id.substr(at + 1, end - at - 1);
    if (part.rfind("model=", 0) != 0) text += (text.empty() ? "" : " ") + part;
    at = end < cell.id.size() ? end : std::string::npos;
  }
  return text;
}

// Cells of one kernel and encoding in one phase; of one schedule too where each has its row.
struct Pair {
  std::string name;
  std::map<unsigned, const Cell*> best;  // by threads
  std::map<unsigned, Status> other;      // why a thread count has none
  std::optional<double> error;

  void add(const Cell& cell) {
    if (cell.error.products_worst) {
      error = std::max(error.value_or(0.0), *cell.error.products_worst);
    }
    if (!has_speed(cell)) {
      other[cell.threads] = cell.status;
    } else if (const Cell*& place = best[cell.threads]; better(cell, place)) {
      place = &cell;
    }
  }

  // What a fault was put into stands for the pair only where nothing else does.
  static bool better(const Cell& cell, const Cell* than) {
    if (than == nullptr) return true;
    return std::pair(switches_text(cell).empty(), speed(&cell)) >
           std::pair(switches_text(*than).empty(), speed(than));
  }

  const Cell* at(unsigned threads) const {
    const auto found = best.find(threads);
    return found == best.end() ? nullptr : found->second;
  }

  // The cell whose schedule is named: that of the most threads.
  const Cell* last() const { return best.empty() ? nullptr : best.rbegin()->second; }

  double highest() const {
    double most = 0.0;
    for (const auto& [threads, cell] : best) most = std::max(most, speed(cell));
    return most;
  }

  std::string text_at(unsigned threads) const {
    if (const Cell* cell = at(threads)) return throughput_text(*cell->tok_per_s);
    const auto found = other.find(threads);
    return found == other.end() ? "-" : status_name(found->second);
  }
};

bool holds_two_models(const Report& report) {
  std::set<std::string> models;
  for (const Cell& cell : report.cells) models.insert(cell.model);
  return models.size() > 1;
}

// "decode", or "decode on bitnet-2b4t" where a report holds cells of two models.
class PhaseTitles {
 public:
  explicit PhaseTitles(const Report& report)
      : two_(holds_two_models(report)),
        first_(report.models.empty() ? "the first model" : report.models.front().source) {}
  std::string operator()(const std::string& phase, const std::string& model) const {
    return two_ ? phase + " on " + (model.empty() ? first_ : model) : phase;
  }

 private:
  bool two_;
  std::string first_;
};

// A diagnosis shows each pair at its best; who sweeps an axis wants to see its values.
bool a_row_for_each_schedule(const Report& report) { return report.command != "diagnose"; }

// By phase and model, in the order of the cells. Pairs that were skipped throughout are in the
// catalogue.
std::vector<std::pair<std::string, std::vector<Pair>>> pairs_by_phase(const Report& report) {
  const PhaseTitles titles(report);
  std::vector<std::pair<std::string, std::vector<Pair>>> phases;
  std::map<std::tuple<std::string, std::string>, std::size_t> places;
  for (const Cell& cell : report.cells) {
    if (cell.status == Status::kSkipped) continue;
    // Measured beside an injected fault to judge it: not what the kernel reaches in this run.
    if (cell.axes.count("control") != 0) continue;
    const std::string title = titles(cell.phase, cell.model);
    auto phase =
        std::find_if(phases.begin(), phases.end(), [&](const auto& p) { return p.first == title; });
    if (phase == phases.end()) phase = phases.insert(phases.end(), {title, {}});
    const std::string name = cell.kernel + "/" + cell.encoding;
    const std::string row =
        a_row_for_each_schedule(report)
            ? fmt::format("{} {} {}", name, schedule_label(cell), switches_text(cell))
            : name;
    const auto [place, fresh] = places.try_emplace({title, row}, phase->second.size());
    if (fresh) phase->second.push_back({name, {}, {}, {}});
    phase->second[place->second].add(cell);
  }
  return phases;
}

// The fewest and the most always, then powers of two, then what else there is room for.
std::vector<unsigned> pick_threads(const std::set<unsigned>& all, std::size_t room) {
  std::set<unsigned> picked;
  if (all.empty()) return {};
  picked.insert(*all.rbegin());
  if (room > 1) picked.insert(*all.begin());
  const auto fill = [&](bool powers) {
    for (auto t = all.rbegin(); t != all.rend() && picked.size() < room; ++t) {
      if (!powers || (*t & (*t - 1)) == 0) picked.insert(*t);
    }
  };
  fill(true);
  fill(false);
  return {picked.begin(), picked.end()};
}

TitledTable speed_table(const std::string& title, std::vector<Pair> pairs, std::size_t width) {
  std::set<unsigned> all;
  std::size_t longest = 14;
  for (const Pair& pair : pairs) {
    longest = std::max(longest, pair.name.size());
    for (const auto& [threads, cell] : pair.best) all.insert(threads);
    for (const auto& [threads, status] : pair.other) all.insert(threads);
  }
  const auto roof = [](const Pair& pair) {
    const Cell* cell = pair.last();
    return cell != nullptr && cell->roofline ? cell->roofline->roof_ratio : std::nullopt;
  };
  const bool roofs = std::any_of(pairs.begin(), pairs.end(), roof);
  const std::size_t others = (roofs ? 25 : 19);  // indent, schedule, error and roof with gaps
  constexpr std::size_t kEach = 15;
  const std::size_t room =
      width > longest + others + kEach ? (width - longest - others) / kEach : 1;
  const std::vector<unsigned> threads = pick_threads(all, room);
  const unsigned most = threads.empty() ? 0 : threads.back();

  std::stable_sort(pairs.begin(), pairs.end(), [&](const Pair& a, const Pair& b) {
    // Those without a speed there come after; what has none at all is last.
    return std::pair(speed(a.at(most)), a.highest()) > std::pair(speed(b.at(most)), b.highest());
  });
  const auto switches = [](const Pair& pair) {
    return pair.last() != nullptr ? switches_text(*pair.last()) : "";
  };
  // Columns that would be empty throughout are left out.
  const bool switched =
      std::any_of(pairs.begin(), pairs.end(), [&](const Pair& p) { return !switches(p).empty(); });
  std::vector<Column> columns{left("kernel/encoding"), left("schedule")};
  for (const unsigned t : threads) columns.push_back(right(fmt::format("t={}", t)));
  columns.push_back(right("error"));
  if (roofs) columns.push_back(right("roof"));
  if (switched) columns.push_back(spilling("switches"));
  Table table(std::move(columns));
  for (const Pair& pair : pairs) {
    std::vector<std::string> row{pair.name, pair.last() ? schedule_label(*pair.last()) : ""};
    for (const unsigned t : threads) row.push_back(pair.text_at(t));
    row.push_back(error_text(pair.error));
    if (roofs) row.push_back(roof(pair) ? percent_text(*roof(pair)) : "-");
    if (switched) row.push_back(switches(pair));
    table.row(std::move(row), pair.best.empty() ? Style::kBad : Style::kPlain);
  }
  return {title, std::move(table)};
}

// What a curve has to show: how many points were measured, then how high the last of them is.
std::pair<std::size_t, double> height(const Curve& curve) {
  std::pair<std::size_t, double> result{0, 0.0};
  for (const CurvePoint& p : curve.points) {
    if (p.state != "measured" || !p.tok_per_s) continue;
    ++result.first;
    result.second = *p.tok_per_s;
  }
  return result;
}

std::vector<const Curve*> shown_curves(const Report& report) {
  std::vector<const Curve*> shown;
  for (const Curve& curve : report.curves) {
    const auto rival = std::find_if(shown.begin(), shown.end(), [&](const Curve* c) {
      return c->phase == curve.phase && c->model == curve.model;
    });
    if (rival == shown.end()) {
      shown.push_back(&curve);
    } else if (height(curve) > height(**rival)) {
      *rival = &curve;
    }
  }
  return shown;
}

std::string optional_text(const std::optional<double>& value) {
  return value ? number_text(*value) : "-";
}

std::string factor_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}x", *value) : "-";
}

std::string status_text(Status status, const std::string& reason) {
  std::string text = status == Status::kWrong ? "WRONG" : status_name(status);
  if (!reason.empty() && status != Status::kOk) text += ": " + reason;
  return text;
}

Style style_of_status(Status status) {
  switch (status) {
    case Status::kOk:
      return Style::kPlain;
    case Status::kSkipped:
      return Style::kDim;
    case Status::kWrong:
    case Status::kFailed:
      break;
  }
  return Style::kBad;
}

}  // namespace

std::vector<TitledTable> speed_tables(const Report& report, std::size_t width) {
  std::vector<TitledTable> tables;
  for (auto& [phase, pairs] : pairs_by_phase(report)) {
    const char* what = a_row_for_each_schedule(report) ? ": tok/s" : ": tok/s of the best schedule";
    tables.push_back(speed_table(phase + what, std::move(pairs), width));
  }
  return tables;
}

std::vector<TitledTable> scaling_tables(const Report& report) {
  const PhaseTitles titles(report);
  std::vector<TitledTable> tables;
  for (const Curve* curve : shown_curves(report)) {
    Table table({right("threads"), right("tok/s"), right("speedup"), right("efficiency"),
                 spilling("note")});
    const auto& points = curve->points;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const CurvePoint& p = points[i];
      if (p.state == "measured") {
        table.row({std::to_string(p.threads), optional_text(p.tok_per_s), factor_text(p.speedup),
                   p.efficiency ? percent_text(*p.efficiency) : "-", p.reason});
        continue;
      }
      if (p.state == "projected") {
        table.row({std::to_string(p.threads), "~" + optional_text(p.tok_per_s),
                   "~" + factor_text(p.speedup),
                   p.efficiency ? "~" + percent_text(*p.efficiency) : "-", p.reason},
                  Style::kDim);
        continue;
      }
      // Neighbours that lack for the same reason share a line.
      while (i + 1 < points.size() && points[i + 1].state == p.state &&
             points[i + 1].reason == p.reason) {
        ++i;
      }
      const unsigned last = points[i].threads;
      table.row({last == p.threads ? std::to_string(last) : fmt::format("{}-{}", p.threads, last),
                 "not measured", "-", "-", p.reason},
                Style::kDim);
    }
    tables.push_back({fmt::format("{}: scaling of {}/{} {}", titles(curve->phase, curve->model),
                                  curve->kernel, curve->encoding, curve->schedule),
                      std::move(table)});
  }
  return tables;
}

std::size_t curves_not_shown(const Report& report) {
  return report.curves.size() - shown_curves(report).size();
}

Table encoding_error_table(const Report& report) {
  std::vector<std::string> encodings;
  std::vector<double> rms;
  for (const EncodingError& e : report.encoding_errors) {
    if (std::find(encodings.begin(), encodings.end(), e.encoding) == encodings.end()) {
      encodings.push_back(e.encoding);
    }
    if (std::find(rms.begin(), rms.end(), e.rms) == rms.end()) rms.push_back(e.rms);
  }
  std::vector<Column> columns{right("RMS")};
  for (const std::string& name : encodings) columns.push_back(right(name));
  Table table(std::move(columns));
  for (const double value : rms) {
    std::vector<std::string> row{fmt::format("{:g}", value)};
    for (const std::string& name : encodings) {
      const auto e = std::find_if(
          report.encoding_errors.begin(), report.encoding_errors.end(),
          [&](const EncodingError& x) { return x.encoding == name && x.rms == value; });
      std::string text = e == report.encoding_errors.end() ? "-" : error_text(e->error_ratio);
      if (e != report.encoding_errors.end() && e->expected_ratio && *e->expected_ratio > 0.0) {
        text += " (" + percent_text(*e->expected_ratio) + ")";
      }
      row.push_back(std::move(text));
    }
    table.row(std::move(row));
  }
  return table;
}

Table ladder_table(const Report& report) {
  Table table({right("#"), left("stage"), right("t"), right("tok/s"), right("+-"),
               right("promised"), right("logits err"), left("status"), spilling("blocked")});
  for (const LadderStage& s : report.ladder) {
    std::vector<std::string> codes;
    for (const Verdict& v : s.verdicts) {
      if (v.state == State::kBlocked) codes.push_back(v.code);
    }
    const bool interval = s.tok_per_s && s.ci_lo && s.ci_hi;
    std::string status = s.status == Status::kWrong ? "WRONG" : status_name(s.status);
    std::string blocked = join(codes, ", ");
    if (s.status != Status::kOk && !s.status_reason.empty()) {
      blocked += (blocked.empty() ? "" : "; ") + s.status_reason;
    }
    table.row({std::to_string(s.stage), s.title, std::to_string(s.threads),
               s.tok_per_s ? number_text(*s.tok_per_s) : "not measured",
               interval ? interval_text(*s.tok_per_s, *s.ci_lo, *s.ci_hi).substr(2) : "-",
               s.promised_tok_per_s ? fmt::format("{:.4g}", *s.promised_tok_per_s) : "-",
               error_text(s.error.logits), std::move(status), std::move(blocked)},
              style_of_status(s.status));
  }
  return table;
}

Table fault_table(const Report& report) {
  Table table({left("fault"), right("t"), right("tok/s"), right("slowdown"), left("95 % interval"),
               spilling("status")});
  for (const FaultCost& f : report.faults) {
    table.row({f.fault, std::to_string(f.threads), optional_text(f.tok_per_s),
               factor_text(f.slowdown_ratio),
               f.ci_lo && f.ci_hi ? fmt::format("[{:.2f}, {:.2f}]", *f.ci_lo, *f.ci_hi) : "-",
               status_text(f.status, f.status_reason)},
              style_of_status(f.status));
  }
  return table;
}

Table catalogue_table(const std::vector<CatalogueEntry>& catalogue) {
  Table table({left("kernel"), left("encoding"), right("bits/w"), right("tile"), right("table"),
               right("as found"), left("exact"), left("runs"), spilling("note")});
  for (const CatalogueEntry& e : catalogue) {
    std::vector<std::string> notes;
    if (!e.runnable) notes.push_back(e.reason);
    if (!e.known_wrong.empty()) notes.push_back(e.known_wrong);
    table.row({e.kernel, e.encoding, fmt::format("{:.2f}", e.bits_per_weight),
               std::to_string(e.row_tile), e.table_kind == "none" ? "-" : bytes_text(e.table_bytes),
               e.as_found_table_bytes ? bytes_text(*e.as_found_table_bytes) : "-",
               !e.known_wrong.empty() ? "WRONG"
               : e.exact              ? "yes"
                                      : "lossy",
               e.runnable ? "yes" : "no", join(notes, "; ")},
              e.runnable ? Style::kPlain : Style::kDim);
  }
  return table;
}

std::string machine_line(const Machine& machine) {
  const auto& hard = machine.hard;
  std::string line = fmt::format(
      "{} ({} family {} model {} stepping {}), key {}, {} cores/{} threads allowed, LLC {}, {} "
      "NUMA "
      "node{}",
      hard.cpu_model_name, hard.arch, hard.cpu_family, hard.cpu_model, hard.cpu_stepping,
      machine.key, hard.cores_physical, hard.cpus_allowed, bytes_text(hard.llc_bytes),
      hard.numa_nodes, hard.numa_nodes == 1 ? "" : "s");
  if (hard.cpu_quota_cores) line += fmt::format(", quota {:.2f} cores", *hard.cpu_quota_cores);
  if (hard.hypervisor) line += ", virtual machine";
  line += " | " + (hard.isa_usable.empty() ? "baseline x86-64" : join(hard.isa_usable, " "));
  if (!hard.isa_masked.empty()) line += " | masked: " + join(hard.isa_masked, " ");
  return line;
}

std::string model_line(const Model& model) {
  return fmt::format("{} ({}), {:.3g} ternary weights, head {} {}, hash {}", model.source,
                     model.arch, static_cast<double>(model.ternary_weights), model.head_format,
                     bytes_text(model.head_bytes), model.hash);
}

std::string plan_line(const Report& report) {
  std::map<Status, std::size_t> counts;
  for (const Cell& cell : report.cells) ++counts[cell.status];
  std::string line = fmt::format("{} cells", report.cells.size());
  if (report.cells.empty() && !report.encoding_errors.empty()) {
    line = fmt::format("{} errors of encodings", report.encoding_errors.size());
  }
  const char* separator = " (";
  for (const auto& [status, count] : counts) {
    line += fmt::format("{}{} {}", separator, count, status_name(status));
    separator = ", ";
  }
  if (!counts.empty()) line += ")";
  if (!report.cells.empty()) line += fmt::format(" x {} rounds", report.config.rounds);
  line += fmt::format(", seed {}, pin {}, took {}", report.config.seed, report.config.pin,
                      duration_text(report.duration_s));
  if (!report.complete) line += "; INCOMPLETE";
  return line;
}

std::string catalogue_line(const Report& report) {
  const auto& catalogue = report.catalogue;
  std::map<std::string, std::set<std::string>> missing;  // reason -> kernels
  std::set<std::string> wrong;
  std::uint64_t as_found = 0;
  for (const CatalogueEntry& e : catalogue) {
    if (!e.runnable) missing[e.reason].insert(e.kernel);
    if (!e.known_wrong.empty()) wrong.insert(e.encoding);
    as_found = std::max(as_found, e.as_found_table_bytes.value_or(0));
  }
  const auto runnable = std::count_if(catalogue.begin(), catalogue.end(),
                                      [](const CatalogueEntry& e) { return e.runnable; });
  std::string line =
      fmt::format("{} kernel/encoding pairs, {} run here", catalogue.size(), runnable);
  for (const auto& [reason, kernels] : missing) {
    line += fmt::format("; {} cannot: {}", fmt::join(kernels, ", "), reason);
  }
  if (!wrong.empty()) line += fmt::format("; known wrong: {}", fmt::join(wrong, ", "));
  if (as_found > 0) {
    line += fmt::format("; tables per row and group, as found, would take {:.3g} GB{}",
                        static_cast<double>(as_found) / 1e9,
                        report.models.empty() ? "" : " for " + report.models.front().source);
  }
  return line;
}

std::string gate_line(const Gate& gate) {
  std::string line = fmt::format(
      "{}: {}", gate.name, gate.state == "not_measured" ? std::string("not measured") : gate.state);
  if (gate.measured) line += fmt::format(", measured {}", number_text(*gate.measured));
  line += fmt::format(", threshold {}", number_text(gate.threshold));
  if (!gate.cell_id.empty()) line += ", " + gate.cell_id;
  if (!gate.reason.empty()) line += " (" + gate.reason + ")";
  return line;
}

}  // namespace ryz::report
