#include "harness/plan/experiment.h"

#include <gtest/gtest.h>

#include "harness/plan/usage_error.h"
#include "reports/error.h"

namespace ryz {
namespace {

const std::vector<std::string> kFlags{"model", "grain", "schedule", "pin", "oversubscribe"};

Experiment parse(const std::string& text) { return parse_experiment(text, "x.json", kFlags); }

TEST(ParseExperiment, KeysOfASweepBecomeItsFlags) {
  const Experiment e = parse(
      R"({"name": "n", "question": "q?", "model": "small", "grain": [1, "4-16*4"],
          "oversubscribe": true, "pin": "none,cores"})");
  EXPECT_EQ(e.name, "n");
  EXPECT_EQ(e.question, "q?");
  EXPECT_EQ(e.kind, ExperimentKind::kSweep);
  EXPECT_EQ(e.flags, (std::vector<std::string>{"--model=small", "--grain=1,4-16*4",
                                               "--oversubscribe", "--pin=none,cores"}));
  EXPECT_TRUE(parse(R"({"name":"n","question":"q","oversubscribe":false})").flags.empty());
}

TEST(ParseExperiment, EncodingErrorsHaveTheirOwnKeys) {
  const Experiment e = parse(
      R"({"name": "n", "question": "q", "kind": "encoding-error", "rms": [0.1, 1],
          "encoding": ["sign-bits", "byte-value"], "rows": 64, "cols": 256, "seed": 7})");
  EXPECT_EQ(e.kind, ExperimentKind::kEncodingError);
  EXPECT_EQ(e.rms, (std::vector<double>{0.1, 1.0}));
  EXPECT_EQ(e.encodings, "sign-bits,byte-value");
  EXPECT_EQ(e.rows, 64U);
  EXPECT_EQ(e.cols, 256U);
  EXPECT_EQ(e.seed, 7U);
}

TEST(ParseExperiment, WhatIsNoJsonIsAnInputError) {
  for (const char* text : {"", "{", "{\"name\": nope}", "[1,]", "{\"name\":\"n\"} x"}) {
    EXPECT_THROW(parse(text), report::ReportError) << text;
  }
}

TEST(ParseExperiment, WhatCannotBeIsAUsageError) {
  for (const char* text : {
           R"([])",
           R"({"question":"q"})",
           R"({"name":"n"})",
           R"({"name":"","question":"q"})",
           R"({"name":1,"question":"q"})",
           R"({"name":"n","question":"q","grains":[1]})",
           R"({"name":"n","question":"q","grain":[]})",
           R"({"name":"n","question":"q","grain":[[1]]})",
           R"({"name":"n","question":"q","grain":null})",
           R"({"name":"n","question":"q","grain":{"a":1}})",
           R"({"name":"n","name":"m","question":"q"})",
           R"({"name":"n","question":"q","kind":"other"})",
           R"({"name":"n","question":"q","kind":3})",
           R"({"name":"n","question":"q","rms":[1]})",
           R"({"name":"n","question":"q","kind":"encoding-error"})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[0]})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":["1"]})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":1})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[1],"rows":0})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[1],"rows":-1})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[1],"cols":1e9})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[1],"rows":1099511627776})",
           R"({"name":"n","question":"q","kind":"encoding-error","rms":[1],"grain":[1]})",
       }) {
    EXPECT_THROW(parse(text), UsageError) << text;
  }
}

TEST(ExperimentReportPath, IsTheFilesNameInAnotherFolder) {
  EXPECT_EQ(experiment_report_path("reports", "experiments/001-grain.json"),
            "reports/001-grain.json");
}

}  // namespace
}  // namespace ryz
