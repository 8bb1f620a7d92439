#include "reports/render/roof_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ryz::report {
namespace {

std::string share_text(const std::optional<double>& ratio) {
  return ratio ? percent_text(*ratio) : "-";
}

std::string signed_percent(double ratio) { return fmt::format("{:+.1f}%", 100.0 * ratio); }

}  // namespace

std::vector<TitledTable> roof_tables(const Report& report, std::size_t most) {
  std::vector<std::string> phases;
  for (const Cell& c : report.cells) {
    if (c.roofline && std::find(phases.begin(), phases.end(), c.phase) == phases.end()) {
      phases.push_back(c.phase);
    }
  }
  std::vector<TitledTable> tables;
  for (const std::string& phase : phases) {
    std::vector<const Cell*> cells;
    for (const Cell& c : report.cells) {
      const bool control = c.axes.count("control") != 0;
      if (c.phase == phase && c.roofline && c.tok_per_s && !control) cells.push_back(&c);
    }
    std::stable_sort(cells.begin(), cells.end(), [](const Cell* a, const Cell* b) {
      return a->tok_per_s->median > b->tok_per_s->median;
    });
    std::string title = phase + ": what bounds each cell";
    if (cells.size() > most) {
      title += fmt::format(" ({} of {}, the fastest)", most, cells.size());
      cells.resize(most);
    }
    Table table({left("cell"), right("GB/s"), right("of roof"), right("beside"), right("GMAC/s"),
                 right("of roof"), left("bound")});
    for (const Cell* c : cells) {
      const Roofline& r = *c->roofline;
      table.row({c->id, number_text(r.gb_per_s), share_text(r.roof_ratio),
                 share_text(r.beside_ratio), r.gmac_per_s ? number_text(*r.gmac_per_s) : "-",
                 share_text(r.gmac_ratio), r.bound.empty() ? "-" : r.bound});
    }
    if (!table.empty()) tables.push_back({std::move(title), std::move(table)});
  }
  return tables;
}

Table prediction_table(const Report& report) {
  Table table({left("cell"), right("measured ms"), right("predicted ms"), right("error"),
               left("95 % interval"), right("GB/s"), right("work"), left("within")});
  for (const Prediction& p : report.predictions) {
    const bool within = std::abs(p.error_ratio) <= p.limit_ratio;
    table.row({p.cell_id, number_text(p.measured_ms), number_text(p.predicted_ms),
               signed_percent(p.error_ratio),
               fmt::format("[{}, {}]", signed_percent(p.error_lo), signed_percent(p.error_hi)),
               p.gb_per_s ? number_text(*p.gb_per_s) : "-",
               p.work_slowdown ? fmt::format("{:.2f}x", *p.work_slowdown) : "-",
               fmt::format("{} {:g}%", within ? "yes" : "NO", 100.0 * p.limit_ratio)},
              within ? Style::kPlain : Style::kBad);
  }
  return table;
}

}  // namespace ryz::report
