#include "reports/report_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "reports/json_text.h"
#include "reports/sample_report.h"

namespace ryz::report {
namespace {

using nlohmann::json;

// The message of the refusal; empty when the text was accepted.
std::string refusal(const std::string& text) {
  try {
    from_json(text, "x.json");
    return {};
  } catch (const ReportError& error) {
    return error.what();
  }
}

std::string doctored(const std::function<void(json&)>& change) {
  json document = json::parse(to_json(sample_report()));
  change(document);
  return document.dump();
}

TEST(ReportJson, RoundTripKeepsEveryField) {
  const Report report = sample_report();
  EXPECT_EQ(from_json(to_json(report), "x.json"), report);
}

TEST(ReportJson, AnEmptyReportIsADocumentToo) {
  Report report;
  EXPECT_EQ(from_json(to_json(report), "x.json"), report);
}

TEST(ReportJson, TopLevelIsTheOneAgreed) {
  const auto document = nlohmann::ordered_json::parse(to_json(sample_report()));
  std::vector<std::string> keys;
  for (const auto& [key, value] : document.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{
                "schema",     "report_id",   "command", "complete", "created_utc",     "duration_s",
                "tool",       "build",       "machine", "models",   "config",          "catalogue",
                "experiment", "question",    "roofs",   "counters", "encoding_errors", "cells",
                "curves",     "predictions", "ladder",  "faults",   "verdicts",        "gates",
                "warnings",   "gate"}));
  EXPECT_EQ(document["verdicts"]["encoding"]["state"], "blocked");
  EXPECT_EQ(document["roofs"]["read_gb_per_s"][1]["gb_per_s"], 41.25);
  EXPECT_EQ(document["gate"]["verdict"], "blocked");
  EXPECT_EQ(document["cells"][5]["memory"]["table_bytes"], 20736);
}

TEST(ReportJson, ACellWithoutSpeedSaysWhy) {
  const json document = json::parse(to_json(sample_report()));
  const json& cell = document["cells"][8];
  EXPECT_TRUE(cell["tok_per_s"].is_null());
  EXPECT_EQ(cell["tok_per_s_reason"], "wrong result: a wrong cell has no speed");
  EXPECT_TRUE(cell["scaling"]["speedup"].is_null());
  EXPECT_EQ(cell["scaling"]["efficiency_reason"], "no speed");
}

TEST(ReportJson, AReasonIsThereEvenWhereTheReportGaveNone) {
  Report report = sample_report();
  report.cells[0].tok_per_s.reset();
  const json document = json::parse(to_json(report));
  EXPECT_EQ(document["cells"][0]["tok_per_s_reason"], "not measured");
}

TEST(ReportJson, NonFiniteNumbersBecomeNullWithAReason) {
  Report report = sample_report();
  report.duration_s = std::numeric_limits<double>::quiet_NaN();
  report.cells[0].tok_per_s->median = std::numeric_limits<double>::infinity();
  report.cells[0].error.logits = -std::numeric_limits<double>::infinity();
  report.cells[0].error.tolerance = std::numeric_limits<double>::quiet_NaN();
  const std::string text = to_json(report);
  const json document = json::parse(text);  // throws on a bare NaN
  EXPECT_TRUE(document["duration_s"].is_null());
  EXPECT_EQ(document["duration_s_reason"], "not finite: nan");
  EXPECT_EQ(document["cells"][0]["tok_per_s"]["median_reason"], "not finite: inf");
  EXPECT_EQ(document["cells"][0]["error"]["logits_reason"], "not finite: inf");
  const Report again = from_json(text, "x.json");
  EXPECT_TRUE(std::isnan(again.duration_s));
  EXPECT_TRUE(std::isnan(again.cells[0].tok_per_s->median));
  EXPECT_FALSE(again.cells[0].error.logits);
}

TEST(ReportJson, BytesThatAreNoUtf8AreReplaced) {
  Report report = sample_report();
  report.tool.argv = {"--model", "\xff\xfe.gguf"};
  EXPECT_EQ(from_json(to_json(report), "x.json").tool.argv[1], "\xef\xbf\xbd\xef\xbf\xbd.gguf");
}

TEST(ReportJson, LargeWholeNumbersAreKept) {
  Report report = sample_report();
  report.config.seed = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(from_json(to_json(report), "x.json").config.seed, report.config.seed);
}

TEST(ReportJson, UnknownFieldsOfTheSameMajorAreAccepted) {
  const std::string text = doctored([](json& d) {
    d["schema"]["version"] = "1.9.3";
    d["added_later"] = {1, 2, 3};
    d["cells"][0]["added_later"] = "x";
  });
  EXPECT_EQ(from_json(text, "x.json"), sample_report());
}

TEST(ReportJson, OtherSchemasAndVersionsAreRefused) {
  EXPECT_NE(refusal(doctored([](json& d) {
              d["schema"]["version"] = "2.0.0";
            })).find("use a newer ryz-lab"),
            std::string::npos);
  EXPECT_NE(refusal(doctored([](json& d) { d["schema"]["version"] = "0.9.0"; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["schema"]["version"] = "one"; })), "");
  EXPECT_NE(refusal(doctored([](json& d) {
              d["schema"]["name"] = "ryz-lab/compare";
            })).find("ryz-lab/compare"),
            std::string::npos);
  EXPECT_NE(refusal(doctored([](json& d) { d.erase("schema"); })).find("\"schema\" is missing"),
            std::string::npos);
}

TEST(ReportJson, RefusalsNameThePlace) {
  const std::string type = refusal(doctored([](json& d) { d["cells"][3]["grain"] = "4"; }));
  EXPECT_NE(type.find("x.json: cells[3].grain: expected a whole number"), std::string::npos)
      << type;
  const std::string missing = refusal(doctored([](json& d) { d["cells"][2].erase("id"); }));
  EXPECT_NE(missing.find("x.json: cells[2]: \"id\" is missing"), std::string::npos) << missing;
  EXPECT_NE(refusal(doctored([](json& d) { d["cells"][0]["status"] = "fine"; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["cells"][0]["threads"] = -1; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["cells"][0]["threads"] = 1.5; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["config"]["rounds"] = 1ull << 40; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["verdicts"] = json::array(); })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["verdicts"]["simd"] = 3; })), "");
  EXPECT_NE(refusal(doctored([](json& d) { d["duration_s"] = nullptr; })), "");
}

TEST(ReportJson, GarbageIsRefused) {
  const std::string whole = to_json(sample_report());
  for (const std::string& text :
       {std::string(), std::string("  \n"), std::string("garbage"), std::string("[]"),
        std::string("null"), std::string("{}"), std::string("{\"schema\": 1}"),
        std::string("{\"duration_s\": NaN}"), std::string("\xff\xfe\0", 3), whole + "}",
        std::string("{\"schema\":{\"name\":\"ryz-lab/report\",\"version\":\"1.0.0\"},"
                    "\"report_id\":1e999}")}) {
    EXPECT_NE(refusal(text), "") << text;
  }
  for (std::size_t size = 0; size + 2 < whole.size(); size += 997) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
}

TEST(ReportJson, HugeInputIsRefusedBeforeItIsParsed) {
  EXPECT_NE(refusal(std::string(1000000, '[')).find("nests"), std::string::npos);
  EXPECT_NE(refusal(std::string(kMaxFileBytes + 1, ' ')).find("larger than"), std::string::npos);
}

TEST(ReportJson, LogitsReadBackAsTheSameFloats) {
  const std::vector<float> logits{0.1f, -3.4028235e38f, 1e-45f, 16777216.0f, 1.0f / 3.0f};
  const json document = json::parse(logits_json(logits));
  ASSERT_EQ(document["logits"].size(), logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_EQ(static_cast<float>(document["logits"][i].get<double>()), logits[i]);
  }
  EXPECT_FALSE(document.contains("logits_reason"));
  const json broken = json::parse(logits_json(std::vector<float>{1.0f, std::nanf("")}));
  EXPECT_TRUE(broken["logits"][1].is_null());
  EXPECT_TRUE(broken.contains("logits_reason"));
}

TEST(ReportJson, PartsStandAlone) {
  const Report report = sample_report();
  EXPECT_EQ(json::parse(to_json(report.catalogue))["catalogue"].size(), 3u);
  EXPECT_EQ(json::parse(to_json(report.machine))["machine"]["key"], "7c1e5d20");
}

}  // namespace
}  // namespace ryz::report
