// Reports of older schemas, as older programs wrote them, stay readable and usable: the promise of
// README.md.
#include <gtest/gtest.h>

#include <filesystem>

#include "reports/compare.h"
#include "reports/render/csv.h"
#include "reports/render/fix_log.h"
#include "reports/render/html.h"
#include "reports/render/junit.h"
#include "reports/render/markdown.h"
#include "reports/render/text.h"
#include "reports/report_json.h"

namespace ryz::report {
namespace {

std::vector<std::string> old_reports() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(RYZ_BASELINES_DIR)) {
    if (entry.path().filename().string().rfind("schema-", 0) == 0) paths.push_back(entry.path());
  }
  return paths;
}

TEST(OldReports, OneIsThere) { EXPECT_GE(old_reports().size(), 1U); }

TEST(OldReports, KeepTheirCellsSpeedsLadderAndVerdicts) {
  for (const std::string& path : old_reports()) {
    SCOPED_TRACE(path);
    const Report r = read_report(path);
    EXPECT_GT(r.cells.size(), 20U);
    EXPECT_EQ(r.verdicts.size(), 3U);
    EXPECT_GE(r.ladder.size(), 10U);
    std::size_t speeds = 0;
    for (const Cell& c : r.cells) speeds += c.status == Status::kOk && c.tok_per_s ? 1U : 0U;
    EXPECT_GT(speeds, 10U);
  }
}

TEST(OldReports, LackWhatCameLaterAndDoNotInventIt) {
  const Report r = read_report(RYZ_BASELINES_DIR "/schema-1.0.json");
  for (const Cell& c : r.cells) {
    for (const Sample& s : c.samples) {
      EXPECT_FALSE(s.cpu_ratio.has_value());
      EXPECT_FALSE(s.steal_ns.has_value());
    }
  }
}

TEST(OldReports, AreWrittenAgainWithoutLoss) {
  for (const std::string& path : old_reports()) {
    SCOPED_TRACE(path);
    const Report r = read_report(path);
    EXPECT_TRUE(from_json(to_json(r), "again") == r);
  }
}

TEST(OldReports, RenderInEveryForm) {
  for (const std::string& path : old_reports()) {
    SCOPED_TRACE(path);
    const Report r = read_report(path);
    const std::string& id = r.ladder.back().cell_id;
    EXPECT_NE(render_text(r, {80, false, true}).find("LADDER"), std::string::npos);
    EXPECT_NE(render_csv(r).find(id), std::string::npos);
    EXPECT_NE(render_junit(r).find(id), std::string::npos);
    EXPECT_NE(render_html(r).find("bitnet-2b4t"), std::string::npos);
    EXPECT_NE(render_fix_log(r, "x.svg").find("SIMD inactive"), std::string::npos);
    EXPECT_FALSE(render_brief(r).empty());
  }
}

TEST(OldReports, CompareWithThemselves) {
  for (const std::string& path : old_reports()) {
    SCOPED_TRACE(path);
    const Report r = read_report(path);
    const CompareResult result = compare(r, r, {});
    EXPECT_TRUE(result.comparable());
    EXPECT_EQ(result.rows.size(), r.cells.size());
    EXPECT_EQ(result.count(Change::kRegressed), 0U);
  }
}

}  // namespace
}  // namespace ryz::report
