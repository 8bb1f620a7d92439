// Writes reports into a folder: the corpus that report_fuzz starts from. Small ones first: a fuzzer
// learns a field from the shortest report that has it.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reports/report_json.h"
#include "reports/sample_report.h"

int main(int argc, char** argv) {
  using namespace ryz::report;
  if (argc != 2) {
    std::fprintf(stderr, "usage: report_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder(argv[1]);
  std::filesystem::create_directories(folder);
  bool good = true;
  const auto write = [&](const char* name, const Report& report) {
    std::ofstream file(folder / name, std::ios::binary);
    // Without white space, which costs time and teaches nothing.
    file << nlohmann::ordered_json::parse(to_json(report)).dump();
    good = good && file.good();
  };
  Report sample = sample_report();
  write("empty.json", Report{});
  Report one;
  one.cells = {cell_of(sample, kSampleFast)};
  write("cell.json", one);
  one = Report{};
  one.verdicts = sample.verdicts;
  write("verdicts.json", one);
  one = Report{};
  one.ladder = sample.ladder;
  write("ladder.json", one);
  one = Report{};
  one.curves = sample.curves;
  write("curves.json", one);
  one = Report{};
  one.machine = sample.machine;
  write("machine.json", one);
  write("sample.json", sample);
  return good ? 0 : 1;
}
