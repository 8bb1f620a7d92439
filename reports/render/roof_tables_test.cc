#include "reports/render/roof_tables.h"

#include <gtest/gtest.h>

#include "reports/render/csv.h"
#include "reports/render/markdown.h"
#include "reports/render/text.h"

namespace ryz::report {
namespace {

Cell bounded(const std::string& id, double tok_per_s, const char* bound) {
  Cell c;
  c.id = id;
  c.phase = "decode";
  c.status = Status::kOk;
  c.tok_per_s = Throughput{tok_per_s, tok_per_s, tok_per_s, 0.0, 1};
  c.roofline = Roofline{1000, 40.5, 0.83, 150.25, 0.18, bound, 0.91};
  return c;
}

Report bounded_report() {
  Report r;
  r.multiply_rate = {{2, 842.0}};
  r.cells = {bounded("slow", 10.0, "memory"), bounded("fast", 30.0, "compute"),
             bounded("middle", 20.0, "")};
  r.cells[2].roofline = Roofline{1000, 3.5, std::nullopt};
  Cell control = bounded("control", 99.0, "memory");
  control.axes["control"] = "all";
  r.cells.push_back(control);
  Cell wrong;
  wrong.id = "wrong";
  wrong.phase = "prefill";
  r.cells.push_back(wrong);
  return r;
}

TEST(RoofTables, ARowForEachCellWithASpeedTheFastestFirst) {
  const auto tables = roof_tables(bounded_report(), 9);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].title, "decode: what bounds each cell");
  EXPECT_EQ(tables[0].table.text(80, "", false),
            "cell     GB/s  of roof  beside  GMAC/s  of roof  bound\n"
            "fast    40.50      83%     91%   150.2      18%  compute\n"
            "middle  3.500        -       -       -        -  -\n"
            "slow    40.50      83%     91%   150.2      18%  memory\n");
}

TEST(RoofTables, LeavesOutTheSlowestAndSaysSo) {
  const auto tables = roof_tables(bounded_report(), 1);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].title, "decode: what bounds each cell (1 of 3, the fastest)");
  EXPECT_EQ(tables[0].table.text(80, "", false).find("slow"), std::string::npos);
}

TEST(RoofTables, AreInEveryRendering) {
  const Report r = bounded_report();
  const std::string text = render_text(r, {100, false, false});
  EXPECT_NE(text.find("what bounds each cell"), std::string::npos);
  EXPECT_NE(text.find("int8 GMAC/s 842.0 at t=2"), std::string::npos) << text;
  EXPECT_NE(render_markdown(r).find("what bounds each cell"), std::string::npos);
  const std::string csv = render_csv(r);
  EXPECT_NE(csv.find("gmac_per_s,gmac_ratio,bound,beside_ratio"), std::string::npos);
  EXPECT_NE(csv.find("150.25,0.18,compute,0.91"), std::string::npos) << csv;
}

TEST(PredictionTable, SaysWhatIsWithinTheLimit) {
  Report r;
  EXPECT_TRUE(prediction_table(r).empty());
  r.predictions = {{"near", "one", 2, 5, 12.5, 11.75, -0.06, -0.08, -0.04, 0.07, 48.5},
                   {"far", "one", 2, 5, 12.5, 15.0, 0.2, 0.18, 0.22, 0.07, std::nullopt, 1.976}};
  EXPECT_EQ(prediction_table(r).text(100, "", false),
            "cell  measured ms  predicted ms   error  95 % interval      GB/s   work  within\n"
            "near        12.50         11.75   -6.0%  [-8.0%, -4.0%]    48.50      -  yes 7%\n"
            "far         12.50         15.00  +20.0%  [+18.0%, +22.0%]      -  1.98x  NO 7%\n");
  EXPECT_NE(render_text(r, {100, false, false}).find("PREDICTION"), std::string::npos);
  EXPECT_NE(render_markdown(r).find("Prediction: one thread"), std::string::npos);
}

}  // namespace
}  // namespace ryz::report
