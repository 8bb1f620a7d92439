#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "reports/render/answers.h"
#include "reports/render/html.h"
#include "reports/render/html_json.h"
#include "reports/render/summary.h"

namespace ryz::report {
namespace {

using Json = PageJson;

// One copy of each value, whoever uses it.
template <class T>
class Interned {
 public:
  std::size_t operator()(const T& value) {
    const auto [place, fresh] = places_.try_emplace(value, list_.size());
    if (fresh) list_.push_back(value);
    return place->second;
  }
  Json list() && { return Json(std::move(list_)); }

 private:
  std::map<T, std::size_t> places_;
  std::vector<T> list_;
};

// A cell's own command repeats its axes; with marks for them, the cells of a run share one text.
std::string with_marks(std::string text, const Cell& cell) {
  const std::pair<const char*, std::string> axes[] = {
      {" --kernel ", cell.kernel},
      {" --encoding ", cell.encoding},
      {" --phase ", cell.phase},
      {" --grain ", std::to_string(cell.grain)},
      {" --threads ", std::to_string(cell.threads)}};
  for (const auto& [flag, value] : axes) {
    const std::size_t at = text.find(flag + value);
    if (at == std::string::npos || value.empty()) continue;
    const std::size_t begin = at + std::string_view(flag).size();
    const std::size_t end = begin + value.size();
    if (end < text.size() && text[end] != ' ') continue;
    text.replace(begin, value.size(), std::string("\x01") + flag[3]);
  }
  return text;
}

class PageData {
 public:
  explicit PageData(const Report& report) : report_(report) {}

  std::string operator()(const CompareResult* comparison) {
    Json page;
    page["report"] = everything();
    page["compare"] = comparison != nullptr ? page_comparison(*comparison) : Json(nullptr);
    page["errors"] = std::move(errors_).list();
    for (Json& text : page["errors"]) text = Json::parse(text.get<std::string>());
    page["strings"] = std::move(strings_).list();
    std::string text = page.dump(-1, ' ', false, Json::error_handler_t::replace);
    // In JSON a "<" stands in strings only, where it may be written like this.
    std::string safe;
    safe.reserve(text.size());
    for (const char c : text) {
      if (c == '<') {
        safe += "\\u003c";
      } else {
        safe += c;
      }
    }
    return safe;
  }

 private:
  Json everything() {
    const Report& r = report_;
    Json j;
    j["command"] = r.command;
    j["question"] = r.question;
    j["complete"] = r.complete;
    j["created"] = r.created_utc;
    j["duration"] = number(r.duration_s);
    j["verdict"] = r.verdict;
    j["exitCode"] = r.exit_code;
    j["warnings"] = r.warnings;
    j["answers"] = Json::array();
    for (const Answer& a : answers(r)) {
      j["answers"].push_back({{"question", a.question}, {"answer", a.answer}, {"state", a.state}});
    }
    j["verdicts"] = verdicts(r.verdicts);
    j["gates"] = Json::array();
    for (const Gate& g : r.gates) {
      j["gates"].push_back({{"name", g.name},
                            {"state", g.state},
                            {"threshold", number(g.threshold)},
                            {"measured", number(g.measured)},
                            {"cell", g.cell_id},
                            {"reason", g.reason}});
    }
    j["ladder"] = ladder();
    j["faults"] = faults();
    j["bandwidth"] = Json::array();
    for (const Bandwidth& b : r.read_bandwidth) {
      j["bandwidth"].push_back({b.threads, number(b.gb_per_s)});
    }
    j["multiply"] = Json::array();
    for (const MultiplyRate& m : r.multiply_rate) {
      j["multiply"].push_back({m.threads, number(m.gmac_per_s)});
    }
    j["encodingErrors"] = Json::array();
    for (const EncodingError& e : r.encoding_errors) {
      j["encodingErrors"].push_back({{"encoding", e.encoding},
                                     {"kernel", e.kernel},
                                     {"rms", number(e.rms)},
                                     {"actual", number(e.actual_rms)},
                                     {"error", number(e.error_ratio)},
                                     {"expected", number(e.expected_ratio)}});
    }
    j["models"] = Json::array();
    for (const Model& m : r.models) j["models"].push_back(model(m));
    j["catalogue"] = catalogue();
    j["cells"] = Json::array();
    for (const Cell& c : r.cells) j["cells"].push_back(cell(c));
    j["curves"] = curves();
    describe(j);
    return j;
  }

  static Json verdicts(const std::vector<Verdict>& list) {
    Json all = Json::array();
    for (const Verdict& v : list) {
      Json evidence = Json::array();
      for (const Evidence& e : v.evidence) {
        evidence.push_back({{"fact", e.fact}, {"value", evidence_value(e)}, {"cells", e.cells}});
      }
      all.push_back({{"name", v.name},
                     {"state", state_name(v.state)},
                     {"code", v.code},
                     {"summary", v.summary},
                     {"evidence", std::move(evidence)},
                     {"rule", v.rule},
                     {"impact", number(v.impact_ratio)},
                     {"next", v.next_step}});
    }
    return all;
  }

  Json ladder() const {
    Json all = Json::array();
    for (const LadderStage& s : report_.ladder) {
      Json verdicts = Json::array();
      for (const Verdict& v : s.verdicts) {
        verdicts.push_back({{"name", v.name}, {"state", state_name(v.state)}, {"code", v.code}});
      }
      all.push_back({{"stage", s.stage},
                     {"title", s.title},
                     {"threads", s.threads},
                     {"cell", s.cell_id},
                     {"status", status_name(s.status)},
                     {"reason", s.status_reason},
                     {"speed", number(s.tok_per_s)},
                     {"lo", number(s.ci_lo)},
                     {"hi", number(s.ci_hi)},
                     {"promised", number(s.promised_tok_per_s)},
                     {"logits", number(s.error.logits)},
                     {"verdicts", std::move(verdicts)}});
    }
    return all;
  }

  Json faults() const {
    Json all = Json::array();
    for (const FaultCost& f : report_.faults) {
      all.push_back({{"fault", f.fault},
                     {"threads", f.threads},
                     {"cell", f.cell_id},
                     {"status", status_name(f.status)},
                     {"reason", f.status_reason},
                     {"speed", number(f.tok_per_s)},
                     {"slowdown", number(f.slowdown_ratio)},
                     {"lo", number(f.ci_lo)},
                     {"hi", number(f.ci_hi)}});
    }
    return all;
  }

  static Json model(const Model& m) {
    Json facts = Json::array();
    facts.push_back({"source", m.source});
    facts.push_back({"architecture", m.arch});
    facts.push_back(
        {"ternary weights", fmt::format("{:.4g}", static_cast<double>(m.ternary_weights))});
    facts.push_back({"head", m.head_format + ", " + bytes_text(m.head_bytes)});
    std::string dims;
    for (const auto& [name, value] : m.dims) {
      dims += fmt::format("{}{} {}", dims.empty() ? "" : ", ", name, value);
    }
    facts.push_back({"shape", dims});
    facts.push_back({"hash", m.hash});
    return {{"source", m.source}, {"weights", m.ternary_weights}, {"facts", std::move(facts)}};
  }

  Json catalogue() const {
    Json all = Json::array();
    for (const CatalogueEntry& e : report_.catalogue) {
      all.push_back(
          {{"kernel", e.kernel},
           {"encoding", e.encoding},
           {"needs", join(e.isa_needed, " ")},
           {"bits", number(e.bits_per_weight)},
           {"rowTile", e.row_tile},
           {"tableKind", e.table_kind},
           {"tableBytes", e.table_bytes},
           {"asFound", e.as_found_table_bytes ? Json(*e.as_found_table_bytes) : Json(nullptr)},
           {"exact", e.exact},
           {"knownWrong", e.known_wrong},
           {"runnable", e.runnable},
           {"reason", e.reason}});
    }
    return all;
  }

  Json error(const Errors& e) {
    const Json row = {number(e.products_worst), number(e.products_median),
                      number(e.logits),         e.mismatches ? Json(*e.mismatches) : Json(nullptr),
                      number(e.activation_rms), strings_(e.worst_product),
                      e.non_finite ? 1 : 0,     number(e.tolerance),
                      strings_(e.reason)};
    return errors_(row.dump());
  }

  // The order is data.js' decodeCell().
  Json cell(const Cell& c) {
    const std::size_t mark = std::min(c.id.find('@'), c.id.size());
    const std::string suffix = c.id.substr(mark);
    const std::string plain = fmt::format("{}/{}/{}/{}/t{}{}", c.phase, c.kernel, c.encoding,
                                          c.schedule, c.threads, suffix);
    Json called = Json::array();
    for (const auto& [isa, calls] : c.effective.isa_called) {
      called.push_back({strings_(isa), calls});
    }
    std::vector<std::string> cpus;
    for (const int cpu : c.effective.cpus) cpus.push_back(std::to_string(cpu));
    Json speed = 0;
    if (c.status == Status::kOk && c.tok_per_s) {
      const Throughput& t = *c.tok_per_s;
      speed = {number(t.median), number(t.ci_lo), number(t.ci_hi), number(t.mad), t.n};
    }
    Json roof = 0;
    if (c.roofline) {
      const Roofline& r = *c.roofline;
      roof = {r.bytes_per_token,    number(r.gb_per_s), number(r.roof_ratio),  number(r.gmac_per_s),
              number(r.gmac_ratio), strings_(r.bound),  number(r.beside_ratio)};
    }
    // Rounds count from 0 in nearly every cell; a sample out of turn names its own.
    Json samples = Json::array();
    unsigned expected = 0;
    for (const Sample& s : c.samples) {
      if (s.time_ns == 0) continue;
      const double rate = static_cast<double>(s.tokens) * 1e9 / static_cast<double>(s.time_ns);
      samples.push_back(s.order);
      samples.push_back(number(rate, 4));
      if (s.round == expected && s.disturbed.empty()) {
        ++expected;
        continue;
      }
      samples.push_back({s.round, strings_(join(s.disturbed, ", "))});
      expected = s.round + 1;
    }
    const int flags = (c.exact ? 1 : 0) | (c.known_wrong ? 2 : 0) |
                      (c.effective.called_as_requested ? 4 : 0) | (c.effective.pinned ? 8 : 0) |
                      (c.few_samples ? 16 : 0);
    return {strings_(c.phase),
            strings_(c.kernel),
            strings_(c.encoding),
            strings_(c.schedule),
            c.grain,
            c.row_tile,
            c.threads,
            strings_(c.model),
            strings_(suffix),
            static_cast<int>(c.status),
            strings_(c.status_reason),
            flags,
            std::move(speed),
            strings_(c.tok_per_s_reason),
            error(c.error),
            number(c.speedup),
            number(c.efficiency),
            std::move(roof),
            c.weights_bytes,
            c.table_bytes,
            strings_(join(c.effective.isa_requested, " ")),
            std::move(called),
            strings_(join(cpus, " ")),
            plain == c.id ? Json(0) : Json(c.id),
            strings_(with_marks(c.repro, c)),
            std::move(samples),
            attribution(c),
            counters(c)};
  }

  static Json attribution(const Cell& c) {
    if (!c.attribution) return 0;
    const Attribution& a = *c.attribution;
    Json threads = Json::array();
    for (const ThreadShare& t : a.threads) {
      threads.push_back(
          {number(t.busy_ratio, 3), number(t.dispatch_ratio, 3), number(t.wait_ratio, 3)});
    }
    return {std::move(threads),
            number(a.imbalance_ratio, 3),
            number(a.serial_ratio, 3),
            number(a.chunks_per_token, 4),
            number(a.barriers_per_token, 4),
            number(a.overhead_ratio, 3)};
  }

  // Names, as one text that cells share, then values; 0 where none were counted.
  Json counters(const Cell& c) {
    if (c.counters.empty()) return 0;
    std::vector<std::string> names;
    Json row = Json::array({0});
    for (const auto& [name, value] : c.counters) {
      names.push_back(name);
      row.push_back(number(value, 4));
    }
    row[0] = strings_(join(names, " "));
    return row;
  }

  Json curves() {
    std::map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < report_.cells.size(); ++i) places[report_.cells[i].id] = i;
    Json all = Json::array();
    for (const Curve& c : report_.curves) {
      Json points = Json::array();
      for (const CurvePoint& p : c.points) {
        const auto place = places.find(p.cell_id);
        const Json index = place == places.end() ? Json(-1) : Json(place->second);
        Json point = {p.threads, strings_(p.state), strings_(p.reason)};
        // Most points of a small machine have nothing more to say.
        if (place != places.end() || p.tok_per_s) {
          point.push_back(index);
          point.push_back(number(p.tok_per_s));
          point.push_back(number(p.speedup));
          point.push_back(number(p.efficiency));
          if (p.amdahl_speedup || p.usl_speedup) {
            point.push_back(number(p.amdahl_speedup));
            point.push_back(number(p.usl_speedup));
          }
        }
        points.push_back(std::move(point));
      }
      Json projection = 0;
      if (c.projection) {
        const Projection& p = *c.projection;
        projection = {{"one", number(p.one_thread_tok_per_s)},
                      {"gbPerS", number(p.gb_per_s)},
                      {"source", p.roof_source},
                      {"checked", p.checked_threads},
                      {"error", number(p.error_ratio)},
                      {"reason", p.error_reason}};
      }
      all.push_back({strings_(c.phase), strings_(c.kernel), strings_(c.encoding),
                     strings_(c.schedule), strings_(c.model), std::move(points),
                     std::move(projection)});
    }
    return all;
  }

  // Pairs of label and text, as they are shown.
  void describe(Json& j) const {
    const Report& r = report_;
    const auto& h = r.machine.hard;
    const auto& s = r.machine.soft;
    std::vector<std::string> caches;
    for (const Cache& c : r.machine.caches) {
      caches.push_back(fmt::format("L{} {} of {} core{}", c.level, bytes_text(c.bytes),
                                   c.shared_by_cores, c.shared_by_cores == 1 ? "" : "s"));
    }
    std::vector<std::string> roofs;
    for (const Bandwidth& b : r.read_bandwidth) {
      roofs.push_back(fmt::format("{} GB/s with {} thread{}", number_text(b.gb_per_s), b.threads,
                                  b.threads == 1 ? "" : "s"));
    }
    std::vector<std::string> rates;
    for (const MultiplyRate& m : r.multiply_rate) {
      rates.push_back(fmt::format("{} 10^9/s with {} thread{}{}", number_text(m.gmac_per_s),
                                  m.threads, m.threads == 1 ? "" : "s",
                                  m.instructions.empty() ? "" : " by " + m.instructions));
    }
    j["machine"] = {
        {"processor", h.cpu_model_name},
        {"family, model, stepping", fmt::format("{} {}, {}, {}, {}", h.cpu_vendor, h.arch,
                                                h.cpu_family, h.cpu_model, h.cpu_stepping)},
        {"cores",
         fmt::format("{} physical, {} hardware threads allowed{}{}", h.cores_physical,
                     h.cpus_allowed, h.smt ? ", SMT" : "",
                     h.cpu_quota_cores ? fmt::format(", quota {:.2f}", *h.cpu_quota_cores) : "")},
        {"instruction sets usable", join(h.isa_usable, " ")},
        {"masked", join(h.isa_masked, " ")},
        {"caches", join(caches, ", ")},
        {"read bandwidth", join(roofs, ", ")},
        {"memory", bytes_text(s.memory_bytes) +
                       fmt::format(", {} NUMA node{}", h.numa_nodes, h.numa_nodes == 1 ? "" : "s")},
        {"virtual machine", h.hypervisor ? "yes" : "no"},
        {"int8 multiply-adds", join(rates, ", ")},
        {"perf counters", counter_states(r)},
        {"system", s.kernel},
        {"microcode", s.microcode},
        {"governor, turbo", s.governor + ", " + s.turbo},
        {"huge pages, ASLR", s.thp + ", " + s.aslr},
        {"load before the run", fmt::format("{:.2f}", s.load_1min)},
        {"key", r.machine.key}};
    j["tool"] = {{"ryz-lab", r.tool.version},
                 {"commit", r.tool.git_sha + (r.tool.git_dirty ? " (with changes)" : "")},
                 {"build", r.build.type + ", " + r.build.compiler},
                 {"flags", r.build.flags},
                 {"OpenMP", r.build.openmp_runtime},
                 {"compiled for", join(r.build.isa_compiled, " ")},
                 {"report", r.report_id}};
    j["config"] = {{"kernels", join(r.config.kernels, ", ")},
                   {"encodings", join(r.config.encodings, ", ")},
                   {"phases", join(r.config.phases, ", ")},
                   {"schedules", join(r.config.schedules, ", ")},
                   {"grains", fmt::format("{}", fmt::join(r.config.grains, ", "))},
                   {"threads", fmt::format("{}", fmt::join(r.config.threads, ", "))},
                   {"rounds", std::to_string(r.config.rounds)},
                   {"shortest sample", fmt::format("{:g} ms", r.config.sample_ms)},
                   {"pinning", r.config.pin},
                   {"seed", std::to_string(r.config.seed)},
                   {"only", r.config.filter},
                   {"without", r.config.exclude}};
    j["argv"] = join(r.tool.argv, " ");
  }

  static std::string counter_states(const Report& r) {
    std::vector<std::string> counted;
    std::map<std::string, std::vector<std::string>> missing;  // by reason
    for (const CounterState& c : r.counters) {
      (c.available ? counted : missing[c.reason]).push_back(c.name);
    }
    std::string text = join(counted, ", ");
    for (const auto& [reason, names] : missing) {
      text += fmt::format("{}not counted: {} ({})", text.empty() ? "" : "; ", join(names, ", "),
                          reason);
    }
    return text;
  }

  const Report& report_;
  Interned<std::string> strings_;
  Interned<std::string> errors_;  // as JSON text
};

}  // namespace

std::string page_data(const Report& report, const CompareResult* comparison) {
  return PageData(report)(comparison);
}

}  // namespace ryz::report
