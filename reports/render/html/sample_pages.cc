// Writes the pages that browser_test.py opens, each beside the JSON it was made from:
//   sample_pages FOLDER
//   sample    every section filled, with points not measured and projected
//   hostile   texts that would be markup or script if they were not taken as text
//   large     5,000 cells
//   compared  two reports; the JSON is the comparison's
//   empty     a report of nothing
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "reports/compare.h"
#include "reports/files.h"
#include "reports/render/html.h"
#include "reports/report_json.h"
#include "reports/sample_report.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

// A real run's axes: three grains, four thread counts, two phases.
Report full_report() {
  Report r = sample_report();
  const Cell pattern = cell_of(r, kSampleFast);
  const Report small = r;
  for (const char* kernel : {"avx2", "avx512-vbmi"}) {
    for (const unsigned grain : {1U, 4U, 16U}) {
      for (const unsigned threads : {1U, 2U, 3U, 4U}) {
        Cell c = pattern;
        c.kernel = kernel;
        c.encoding = "quint";
        c.threads = threads;
        c.grain = grain;
        c.schedule = fmt::format("g{}", grain);
        c.id = fmt::format("decode/{}/quint/g{}/t{}", kernel, grain, threads);
        c.repro = fmt::format(
            "ryz-lab sweep --model mini --kernel {} --encoding quint --phase decode --schedule "
            "dynamic --grain {} --threads {} --seed 42",
            kernel, grain, threads);
        scale_speed(c, (kernel[3] == '2' ? 0.4 : 0.9) * threads / 4.0 * (1.0 + 0.02 * grain));
        c.roofline->gb_per_s =
            1e-9 * static_cast<double>(c.roofline->bytes_per_token) * c.tok_per_s->median;
        r.cells.push_back(std::move(c));
      }
    }
  }
  r.curves[0].points.push_back(
      {16, "projected", "replayed from chunk times", "", 310.0, 7.5, 0.47});
  r.ladder.insert(r.ladder.begin() + 1, r.ladder[0]);
  r.ladder[1].threads = 4;
  r.ladder[1].tok_per_s = 0.9;
  r.ladder[1].ci_lo = 0.85;
  r.ladder[1].ci_hi = 1.0;
  r.faults.push_back(r.faults[0]);
  r.faults.back().fault = "threads that are not pinned";
  r.faults.back().slowdown_ratio = 0.99;
  r.faults.back().ci_lo = 0.96;
  r.faults.back().ci_hi = 1.02;
  return r;
}

Report hostile_report() {
  Report r = sample_report();
  const std::string bad =
      "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"'&amp;\x01k\xff";
  r.command = r.verdict = r.report_id = bad;
  r.machine.hard.cpu_model_name = bad;
  r.models[0].source = bad;
  r.tool.argv = {bad};
  r.warnings = {bad, "<!--", "]]>", "@@data@@ @@page.js@@"};
  for (Cell& c : r.cells) {
    c.id += bad;
    c.kernel = bad;
    c.repro = bad;
    c.status_reason = bad;
    c.effective.isa_called = {{bad, 1}};
  }
  for (Verdict& v : r.verdicts) {
    v.summary = v.code = v.next_step = v.rule = bad;
    for (Evidence& e : v.evidence) e.fact = e.unit = bad;
  }
  for (LadderStage& s : r.ladder) s.title = s.status_reason = bad;
  for (FaultCost& f : r.faults) f.fault = bad;
  for (CatalogueEntry& e : r.catalogue) e.encoding = e.known_wrong = bad;
  for (Curve& c : r.curves) c.kernel = bad;
  return r;
}

Report large_report() {
  Report r = sample_report();
  Cell pattern = cell_of(r, kSampleFast);
  pattern.attribution.reset();  // measured where --attribute asks for it
  r.cells.clear();
  r.curves.clear();
  for (unsigned i = 0; r.cells.size() < 5000; ++i) {
    Cell c = pattern;
    const unsigned threads = 1U << (i % 4);
    const unsigned grain = 1U << (i / 4 % 6);
    c.phase = i / 24 % 2 == 0 ? "decode" : "prefill";
    c.kernel = fmt::format("kernel-{}", i / 48 % 10);
    c.encoding = fmt::format("encoding-{}", i / 480);
    c.threads = threads;
    c.grain = grain;
    c.schedule = fmt::format("g{}", grain);
    c.id = fmt::format("{}/{}/{}/g{}/t{}", c.phase, c.kernel, c.encoding, grain, threads);
    scale_speed(c, 0.1 + 0.001 * static_cast<double>((i * 7919) % 5003));
    r.cells.push_back(std::move(c));
    const Cell& cell = r.cells.back();
    if (threads == 1) {
      r.curves.push_back({cell.phase, cell.kernel, cell.encoding, cell.schedule, cell.model, {}});
    }
    r.curves.back().points.push_back(
        {threads, "measured", "", cell.id, cell.tok_per_s->median, 1.0, 1.0});
  }
  return r;
}

void write(const std::filesystem::path& folder, const std::string& name, const std::string& html,
           const std::string& json) {
  write_file((folder / (name + ".html")).string(), html);
  write_file((folder / (name + ".json")).string(), json);
}

}  // namespace

void write_sample_pages(const std::string& path) {
  const std::filesystem::path folder(path);
  std::filesystem::create_directories(folder);
  for (const auto& [name, report] : {std::pair<const char*, Report>{"sample", full_report()},
                                     {"hostile", hostile_report()},
                                     {"large", large_report()},
                                     {"empty", Report()}}) {
    write(folder, name, render_html(report), to_json(report));
  }
  const Report base = full_report();
  Report fresh = base;
  scale_speed(cell_of(fresh, kSampleFast), 0.8);
  scale_speed(cell_of(fresh, "decode/avx2/quad/s4/t1"), 1.3);
  cell_of(fresh, "decode/avx2/quint/g4/t3").tok_per_s->median *= 1.2;  // warned about
  fresh.cells.erase(fresh.cells.begin());
  fresh.machine.soft.kernel = "6.1.0-19-amd64";
  const CompareResult result = compare(base, fresh, {});
  write(folder, "compared", render_html(fresh, &result), to_json(result));
}

}  // namespace ryz::report

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: sample_pages FOLDER\n");
    return 2;
  }
  ryz::report::write_sample_pages(argv[1]);
  return 0;
}
