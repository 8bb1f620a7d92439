#include "reports/render/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ryz::report {
namespace {

TEST(Format, Numbers) {
  EXPECT_EQ(number_text(0.0), "0.000");
  EXPECT_EQ(number_text(0.42), "0.4200");
  EXPECT_EQ(number_text(1.9), "1.900");
  EXPECT_EQ(number_text(55.5), "55.50");
  EXPECT_EQ(number_text(133.74), "133.7");
  EXPECT_EQ(number_text(1234.5), "1234");
  EXPECT_EQ(number_text(std::numeric_limits<double>::quiet_NaN()), "?");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(16u << 20), "16 MiB");
  EXPECT_EQ(bytes_text(~0ull), "16 EiB");
  EXPECT_EQ(duration_text(620.5), "10m21s");
  EXPECT_EQ(duration_text(3.25), "3.2s");
  EXPECT_EQ(duration_text(7265), "2h01m");
  EXPECT_EQ(percent_text(0.88), "88%");
  EXPECT_EQ(change_text(-0.1071), "-10.7%");
  EXPECT_EQ(error_text(0.0), "0");
  EXPECT_EQ(error_text(1.41), "141%");
  EXPECT_EQ(error_text(1.23e-6), "1.2e-06");
  EXPECT_EQ(error_text(std::nullopt), "-");
}

TEST(Format, ANumberNeverStandsAlone) {
  EXPECT_EQ(throughput_text({61.32, 61.0, 61.7, 0.1, 5}), "61.32 +-0.6%");
  EXPECT_EQ(throughput_text({61.32, 61.32, 61.32, 0.0, 1}), "61.32 (n=1)");
}

TEST(Format, OnlyPrintableAsciiPasses) {
  EXPECT_EQ(ascii("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(ascii("\u00b1 5 \u2265"), "? 5 ?");
  EXPECT_EQ(ascii("a\nb\tc"), "a b c");
  EXPECT_EQ(ascii("\xff\xfe"), "??");
}

TEST(Format, WrapsAtWords) {
  EXPECT_EQ(wrap("one two three", 9, "- ", "  "), "- one two\n  three\n");
  EXPECT_EQ(wrap("", 9, "- ", "  "), "- \n");
  EXPECT_EQ(wrap("abcdefghijklmnop", 12, "- ", "  "), "- abcdefghij\n  klmnop\n");
}

TEST(Table, AlignsAndTrims) {
  Table table({left("name"), right("n")});
  table.row({"a", "1"});
  table.row({"long name", "23"});
  EXPECT_EQ(table.text(80, "  ", false), "  name        n\n  a           1\n  long name  23\n");
}

TEST(Table, NarrowsToTheWidth) {
  Table table({left("name"), right("n"), spilling("note")});
  table.row({"a name that is long", "12345", "why it is so"});
  std::size_t start = 0;
  const std::string text = table.text(20, "", false);
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       start = end + 1, end = text.find('\n', start)) {
    EXPECT_LE(end - start, 20u) << text;
  }
  EXPECT_NE(text.find(".."), std::string::npos);
  EXPECT_NE(text.find("note: why"), std::string::npos);
}

TEST(Table, ColorsRowsOnlyWhenAsked) {
  Table table({left("name")});
  table.row({"x"}, Style::kBad);
  EXPECT_EQ(table.text(80, "", false).find('\x1b'), std::string::npos);
  EXPECT_NE(table.text(80, "", true).find("\x1b[31mx\x1b[0m"), std::string::npos);
}

TEST(Table, MarkdownIsEscaped) {
  Table table({left("name"), right("n")});
  table.row({"a|b <script> @name", "1"});
  EXPECT_EQ(table.markdown(), "| name | n |\n|---|--:|\n| a\\|b &lt;script&gt; &#64;name | 1 |\n");
}

}  // namespace
}  // namespace ryz::report
