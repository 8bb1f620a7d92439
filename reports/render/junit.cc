#include "reports/render/junit.h"

#include <fmt/format.h>

#include <vector>

#include "reports/render/compare_text.h"
#include "reports/render/format.h"
#include "reports/render/summary.h"

namespace ryz::report {
namespace {

enum class Outcome : std::uint8_t { kPassed, kFailure, kError, kSkipped };

struct TestCase {
  std::string group, name;
  Outcome outcome = Outcome::kPassed;
  std::string message;  // why it is not passed
  std::string output;
  double seconds = 0.0;
};

std::string element(const TestCase& test) {
  std::string text = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.6f}\"",
                                 xml_text(test.group), xml_text(test.name), test.seconds);
  std::string inner;
  const char* kinds[] = {nullptr, "failure", "error", "skipped"};
  if (const char* kind = kinds[static_cast<int>(test.outcome)]; kind != nullptr) {
    inner += fmt::format("      <{} message=\"{}\"/>\n", kind, xml_text(test.message));
  }
  if (!test.output.empty()) {
    inner += fmt::format("      <system-out>{}</system-out>\n", xml_text(test.output));
  }
  return text + (inner.empty() ? "/>\n" : ">\n" + inner + "    </testcase>\n");
}

std::string suite(const std::string& name, const std::vector<TestCase>& tests) {
  if (tests.empty()) return {};
  std::size_t counts[4] = {};
  double seconds = 0.0;
  std::string inner;
  for (const TestCase& test : tests) {
    ++counts[static_cast<int>(test.outcome)];
    seconds += test.seconds;
    inner += element(test);
  }
  return fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
      "time=\"{:.6f}\">\n{}  </testsuite>\n",
      xml_text(name), tests.size(), counts[1], counts[2], counts[3], seconds, inner);
}

std::string document(const std::string& suites) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ryz-lab\">\n" + suites +
         "</testsuites>\n";
}

TestCase of(const Cell& cell) {
  TestCase test;
  test.group = fmt::format("{}.{}.{}", cell.phase, cell.kernel, cell.encoding);
  test.name = cell.id;
  for (const Sample& s : cell.samples) test.seconds += 1e-9 * static_cast<double>(s.time_ns);
  test.message = cell.status_reason;
  switch (cell.status) {
    case Status::kOk:
      if (cell.tok_per_s) test.output = throughput_text(*cell.tok_per_s) + " tok/s";
      break;
    case Status::kWrong:
      test.outcome = cell.known_wrong ? Outcome::kSkipped : Outcome::kFailure;
      if (cell.known_wrong) test.message = "known to be wrong: " + test.message;
      break;
    case Status::kSkipped:
      test.outcome = Outcome::kSkipped;
      break;
    case Status::kFailed:
      test.outcome = Outcome::kError;
      break;
  }
  return test;
}

}  // namespace

std::string render_junit(const Report& report) {
  std::vector<TestCase> cells;
  for (const Cell& cell : report.cells) cells.push_back(of(cell));
  // These two words stand for what --strict and --fail-under asked for and did not get.
  const bool strict = report.exit_code == 1 && report.verdict == "blocked";
  const bool enforced = report.exit_code == 1 && report.verdict == "gate-failed";
  std::vector<TestCase> verdicts;
  for (const Verdict& v : report.verdicts) {
    TestCase test{"verdict", v.name, Outcome::kPassed, "", v.code + ": " + v.summary, 0.0};
    if (v.state == State::kUnknown) test.outcome = Outcome::kSkipped;
    if (v.state == State::kBlocked && strict) test.outcome = Outcome::kFailure;
    test.message = fmt::format("{} {}", state_name(v.state), v.code);
    if (v.state == State::kBlocked && !strict) test.output = "blocked, " + test.output;
    verdicts.push_back(std::move(test));
  }
  std::vector<TestCase> gates;
  for (const Gate& g : report.gates) {
    TestCase test{"gate", g.name, Outcome::kPassed, gate_line(g), gate_line(g), 0.0};
    if (g.state == "not_measured") test.outcome = Outcome::kSkipped;
    if (g.state == "fail" && enforced) test.outcome = Outcome::kFailure;
    gates.push_back(std::move(test));
  }
  if (!report.complete) {
    gates.push_back({"run", "complete", Outcome::kError, "the run was cut short", "", 0.0});
  }
  return document(suite("cells", cells) + suite("verdicts", verdicts) + suite("gates", gates));
}

std::string render_junit(const CompareResult& result) {
  std::vector<TestCase> facts;
  for (const Difference& d : result.hard) {
    if (d.allowed) continue;
    facts.push_back(
        {"comparable", d.key, Outcome::kError, fmt::format("{} -> {}", d.base, d.fresh), "", 0.0});
  }
  std::vector<TestCase> rows;
  for (const CompareRow& r : result.rows) {
    TestCase test{"compare", r.id, Outcome::kPassed, "", "", 0.0};
    test.message = fmt::format("{}: {}{}{}", change_name(r.change), r.reason,
                               r.detail.empty() ? "" : ": ", r.detail);
    const bool bad = r.change == Change::kInvalid || r.change == Change::kRegressed ||
                     r.change == Change::kMissing;
    if (!result.comparable() && r.change != Change::kInvalid) {
      test.outcome = Outcome::kSkipped;
      test.message = "the reports are not comparable";
    } else {
      test.output = before_after(r) + " " + change_with_interval(r);
      if (bad && r.gated) test.outcome = Outcome::kFailure;
      if (!r.gated) test.outcome = Outcome::kSkipped;
    }
    rows.push_back(std::move(test));
  }
  return document(suite("comparability", facts) + suite("cells", rows));
}

}  // namespace ryz::report
