// What the writers produce against the schemas, by Debian's python3-jsonschema.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "reports/compare.h"
#include "reports/report_json.h"
#include "reports/sample_report.h"
#include "reports/schemas.h"

namespace ryz::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kSourceDir = RYZ_REPORTS_DIR;

struct Outcome {
  int code = -1;
  std::string text;
};

class Schema : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ryz-schema-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  Outcome validate(const char* schema, const std::vector<std::string>& documents) {
    std::string command = "/usr/bin/python3 '" + kSourceDir + "/schema/validate.py' '" +
                          kSourceDir + "/schema/" + schema + "'";
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const std::string path = (directory_ / (std::to_string(i) + ".json")).string();
      write_file(path, documents[i]);
      command += " " + path;
    }
    Outcome outcome;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return outcome;
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) {
      outcome.text.append(buffer, n);
    }
    const int status = ::pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }

  // Every change must be noticed.
  void expect_refused(const char* schema, const std::string& text,
                      const std::vector<std::function<void(json&)>>& changes) {
    std::vector<std::string> documents;
    for (const auto& change : changes) {
      json document = json::parse(text);
      change(document);
      documents.push_back(document.dump());
    }
    const Outcome outcome = validate(schema, documents);
    if (outcome.code == 77) GTEST_SKIP() << outcome.text;
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    for (std::size_t i = 0; i < documents.size(); ++i) {
      EXPECT_NE(outcome.text.find("INVALID " + (directory_ / std::to_string(i)).string() + ".json"),
                std::string::npos)
          << "change " << i << " was not noticed";
    }
  }

  fs::path directory_;
};

std::string comparison() {
  const Report base = sample_report();
  Report fresh = base;
  scale_speed(cell_of(fresh, kSampleFast), 0.9);
  fresh.cells.erase(fresh.cells.begin());
  fresh.machine.soft.kernel = "6.1.0-19-amd64";
  return to_json(compare(base, fresh, {}));
}

TEST_F(Schema, EveryReportOfOursFollowsIt) {
  Report not_finite = sample_report();
  not_finite.duration_s = std::numeric_limits<double>::quiet_NaN();
  not_finite.cells[0].tok_per_s->mad = std::numeric_limits<double>::infinity();
  Report bare;
  bare.cells.resize(1);
  bare.cells[0].id = "decode/scalar/quad/s4/t1";
  bare.curves.resize(1);
  bare.curves[0].points.resize(1);
  bare.curves[0].points[0].state = "not_measured";
  const Outcome outcome =
      validate("report.schema.json",
               {to_json(sample_report()), to_json(not_finite), to_json(Report()), to_json(bare)});
  if (outcome.code == 77) GTEST_SKIP() << outcome.text;
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(Schema, DoctoredReportsDoNot) {
  expect_refused("report.schema.json", to_json(sample_report()),
                 {[](json& d) { d.erase("machine"); }, [](json& d) { d["cells"][0].erase("id"); },
                  [](json& d) { d["cells"][0]["status"] = "fine"; },
                  [](json& d) { d["cells"][0]["threads"] = "one"; },
                  [](json& d) { d["cells"][0]["threads"] = -1; },
                  [](json& d) { d["cells"][0]["id"] = "decode"; },
                  [](json& d) { d["cells"][0]["tok_per_s"] = nullptr; },  // no reason
                  [](json& d) { d["cells"][0]["status"] = "wrong"; },     // and still a speed
                  [](json& d) { d["curves"][0]["points"][2]["speedup"] = 7.9; },  // not measured
                  [](json& d) { d["schema"]["version"] = "2.0.0"; },
                  [](json& d) { d["schema"]["name"] = "other"; },
                  [](json& d) { d["verdicts"]["simd"]["state"] = "fine"; },
                  [](json& d) { d["gate"].erase("exit_code"); },
                  [](json& d) { d["cells"][0]["tok_per_second"] = 3; },
                  [](json& d) { d["duration_s"] = nullptr; }});
}

TEST_F(Schema, ComparisonsFollowTheirs) {
  const std::string nothing = to_json(compare(Report(), Report(), {}));
  const Outcome outcome = validate("compare.schema.json", {comparison(), nothing});
  if (outcome.code == 77) GTEST_SKIP() << outcome.text;
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(Schema, DoctoredComparisonsDoNot) {
  expect_refused(
      "compare.schema.json", comparison(),
      {[](json& d) { d["rows"][0]["state"] = "SLOW"; },
       [](json& d) { d["rows"][0]["change_ratio"] = nullptr; },
       [](json& d) { d["gate"]["verdict"] = "fine"; }, [](json& d) { d.erase("summary"); }});
}

TEST_F(Schema, TheProgramHoldsTheSameText) {
  EXPECT_EQ(report_schema(), read_file(kSourceDir + "/schema/report.schema.json"));
  EXPECT_EQ(compare_schema(), read_file(kSourceDir + "/schema/compare.schema.json"));
}

// Fields by section ("### cell"), as the glossary's tables list them.
std::map<std::string, std::set<std::string>> glossary() {
  std::map<std::string, std::set<std::string>> sections;
  std::istringstream lines(read_file(kSourceDir + "/README.md"));
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("## ", 0) == 0) section.clear();
    if (line.rfind("### ", 0) == 0) section = line.substr(4);
    if (section.empty() || line.rfind("| `", 0) != 0) continue;
    sections[section].insert(line.substr(3, line.find('`', 3) - 3));
  }
  return sections;
}

// Each object of a schema has a section of its name; what both schemas have, one for each.
void expect_explained(std::string_view schema_text, const std::string& root,
                      const std::map<std::string, std::set<std::string>>& sections,
                      std::size_t& fields) {
  const json schema = json::parse(schema_text);
  std::map<std::string, json> objects{{root, schema}};
  for (const auto& [name, object] : schema.at("$defs").items()) objects[name] = object;
  for (const auto& [name, object] : objects) {
    std::set<std::string> names;
    for (const auto& [field, value] : object.at("properties").items()) {
      // <field>_reason is explained once for all.
      if (field.ends_with("_reason") && field != "status_reason") continue;
      names.insert(field);
    }
    fields += names.size();
    const auto own = sections.find(name + " of a comparison");
    const auto found = root == "compare" && own != sections.end() ? own : sections.find(name);
    ASSERT_NE(found, sections.end()) << "no section for " << name;
    EXPECT_EQ(found->second, names) << "section " << found->first;
  }
}

TEST_F(Schema, TheGlossaryHasEveryFieldInItsPlaceAndNoOther) {
  const auto sections = glossary();
  std::size_t fields = 0;
  expect_explained(report_schema(), "report", sections, fields);
  expect_explained(compare_schema(), "compare", sections, fields);
  EXPECT_GT(fields, 250u);
}

}  // namespace
}  // namespace ryz::report
