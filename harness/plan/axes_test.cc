#include "harness/plan/axes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace ryz {
namespace {

using Values = std::vector<std::uint64_t>;

Values threads(std::string_view text) { return parse_axis(text, threads_axis(4, 8, 2)); }
Values grains(std::string_view text) { return parse_axis(text, grain_axis()); }

Values counting(std::uint64_t n) {
  Values values(n);
  std::iota(values.begin(), values.end(), std::uint64_t{1});
  return values;
}

UsageProblem problem_of(std::string_view text, const AxisContext& context) {
  try {
    parse_axis(text, context);
  } catch (const UsageError& error) {
    return error.problem();
  }
  ADD_FAILURE() << "'" << text << "' was accepted";
  return {};
}

TEST(Axis, ExamplesOfTheGrammar) {
  EXPECT_EQ(grains("1,4,16"), (Values{1, 4, 16}));
  EXPECT_EQ(grains("1-8"), counting(8));
  EXPECT_EQ(grains("1:8"), counting(8));
  EXPECT_EQ(grains("1:8:+1"), counting(8));
  EXPECT_EQ(grains("1:8:2"), (Values{1, 3, 5, 7}));
  EXPECT_EQ(grains("1-8+3"), (Values{1, 4, 7}));
  EXPECT_EQ(grains("1-16*2"), (Values{1, 2, 4, 8, 16}));
  EXPECT_EQ(grains("3:30:*3"), (Values{3, 9, 27}));
  EXPECT_EQ(grains("1:16:+5"), (Values{1, 6, 11, 16}));
  EXPECT_EQ(grains("5-5"), (Values{5}));
}

TEST(Axis, DuplicatesGoAndTheOrderStays) {
  EXPECT_EQ(grains("8,1,8,1-3"), (Values{8, 1, 2, 3}));
  EXPECT_EQ(grains(" 4 , 2"), (Values{4, 2}));
}

TEST(Axis, Suffixes) {
  EXPECT_EQ(grains("1k,1Ki,2Ki"), (Values{1000, 1024, 2048}));
  EXPECT_EQ(grains("1Ki-4Ki*2"), (Values{1024, 2048, 4096}));
  EXPECT_EQ(grains("1k:3k:1k"), (Values{1000, 2000, 3000}));
}

TEST(Axis, KeywordsComeFromTheContext) {
  EXPECT_EQ(threads("phys"), (Values{4}));
  EXPECT_EQ(threads("logical"), (Values{8}));
  EXPECT_EQ(threads("pcores"), (Values{2}));
  EXPECT_EQ(threads("all"), counting(8));
  EXPECT_EQ(threads("1-phys"), counting(4));
  EXPECT_EQ(threads("pcores-logical*2"), (Values{2, 4, 8}));
  EXPECT_EQ(threads("1,phys,logical,4"), (Values{1, 4, 8}));
}

TEST(Axis, AutoIsReturnedBesideTheNumbers) {
  const AxisValues both = parse_axis_or_auto("1,auto,4", grain_axis());
  EXPECT_TRUE(both.automatic);
  EXPECT_EQ(both.numbers, (Values{1, 4}));
  EXPECT_FALSE(parse_axis_or_auto("1,4", grain_axis()).automatic);
  EXPECT_EQ(problem_of("auto", grain_axis()).id, "RZ201");  // where numbers are asked for
}

TEST(Axis, MistakesAreNamedWithTheirPlace) {
  struct Case {
    const char* text;
    const char* id;
    std::size_t position;
    std::size_t length;
  };
  const Case cases[] = {
      {"", "RZ207", 0, 1},
      {"1,,2", "RZ207", 2, 1},
      {"1,", "RZ207", 2, 1},
      {"0", "RZ202", 0, 1},
      {"-3", "RZ202", 0, 2},
      {"1-", "RZ202", 2, 1},
      {"1:x", "RZ201", 2, 1},
      {"4-1", "RZ204", 0, 3},
      {"2,9:3", "RZ204", 2, 3},
      {"1:16:+0", "RZ203", 5, 2},
      {"1-16*1", "RZ203", 4, 2},
      {"1-16*0", "RZ203", 4, 2},
      {"1:8:", "RZ202", 4, 1},
      {"1:8:+", "RZ202", 5, 1},
      {"1-8 2", "RZ202", 3, 2},
      {"1-2-3", "RZ202", 3, 2},
      {"1.5", "RZ202", 1, 2},
      {"0x10", "RZ202", 0, 1},
      {"1:8:2x", "RZ202", 5, 1},
      {"1kk", "RZ202", 2, 1},
      {"1-5000", "RZ206", 0, 6},
      {"physs", "RZ201", 0, 5},
      {"1-all", "RZ202", 2, 3},
      {"+1", "RZ202", 0, 2},
      {"99999999999999999999", "RZ205", 0, 20},
      {"18446744073709551615k", "RZ205", 0, 21},
      {"1-18446744073709551615", "RZ206", 0, 22},
  };
  for (const Case& c : cases) {
    const UsageProblem problem = problem_of(c.text, threads_axis(4, 8, 4));
    EXPECT_EQ(problem.id, c.id) << c.text;
    EXPECT_EQ(problem.position, c.position) << c.text;
    EXPECT_EQ(problem.length, c.length) << c.text;
    EXPECT_EQ(problem.flag, "--threads");
    EXPECT_FALSE(problem.help.empty()) << c.text;
  }
}

TEST(Axis, TheLargestNumbersDoNotOverflow) {
  const std::string max = "18446744073709551615";
  EXPECT_EQ(grains(max), (Values{18446744073709551615U}));
  EXPECT_EQ(grains("18446744073709551614-" + max), (Values{~0ULL - 1, ~0ULL}));
  EXPECT_EQ(grains("9223372036854775808-" + max + "*2"), (Values{1ULL << 63}));
  EXPECT_EQ(grains("1-" + max + "*2").size(), 64U);
  EXPECT_EQ(grains("1:" + max + ":+" + max), (Values{1}));
}

TEST(Axis, ExpansionIsBoundedOverTheWholeList) {
  EXPECT_EQ(grains("1-4096").size(), 4096U);
  EXPECT_EQ(problem_of("1-4096,5000", grain_axis()).id, "RZ206");
}

TEST(Names, ListsGlobsAndAliases) {
  const std::vector<std::string> known = {"two-bit", "two-bit-x32", "quad", "quint"};
  const auto match = [&](std::string_view text) {
    return match_names("--encoding", text, known, {{"best", {"quint", "quad"}}});
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(match("quad"), (Names{"quad"}));
  EXPECT_EQ(match("quint,two-bit,quint"), (Names{"quint", "two-bit"}));
  EXPECT_EQ(match("two-bit*"), (Names{"two-bit", "two-bit-x32"}));
  EXPECT_EQ(match("qu?d, *x32"), (Names{"quad", "two-bit-x32"}));
  EXPECT_EQ(match("all"), known);
  EXPECT_EQ(match("*"), known);
  EXPECT_EQ(match("best,all"), (Names{"quint", "quad", "two-bit", "two-bit-x32"}));
}

TEST(Names, UnknownOnesSuggestTheNearest) {
  const std::vector<std::string> known = {"scalar", "avx2", "avx512-gather", "avx512-vbmi"};
  const auto help_of = [&](std::string_view text, const char* id) -> std::string {
    try {
      match_names("--kernel", text, known);
    } catch (const UsageError& error) {
      EXPECT_EQ(error.id(), id) << text;
      return error.problem().help;
    }
    ADD_FAILURE() << "'" << text << "' was accepted";
    return "";
  };
  const std::string listing = "known: scalar, avx2, avx512-gather, avx512-vbmi, all";
  EXPECT_EQ(help_of("sclar", "RZ201"), "did you mean scalar? " + listing);
  EXPECT_EQ(help_of("avx512_gather", "RZ201"), "did you mean avx512-gather? " + listing);
  EXPECT_EQ(help_of("AVX2", "RZ201"), "did you mean avx2? " + listing);
  EXPECT_EQ(help_of("gather", "RZ201"), "did you mean avx512-gather? " + listing);
  EXPECT_EQ(help_of("neon", "RZ201"), listing);
  EXPECT_EQ(help_of("neon*", "RZ208"), listing);
  EXPECT_EQ(help_of("", "RZ207"), listing);
  EXPECT_EQ(help_of("avx2,,scalar", "RZ207"), listing);
  EXPECT_EQ(help_of(std::string(100000, 'a'), "RZ201"), listing);
}

TEST(Names, Globs) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*c", "abbc"));
  EXPECT_TRUE(glob_match("*b*c*", "abxbc"));
  EXPECT_FALSE(glob_match("a*c", "abbd"));
  EXPECT_FALSE(glob_match("a", "ab"));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_FALSE(glob_match("?", ""));
}

TEST(UsageErrorFormat, PointsAtThePlace) {
  try {
    grains("1:16:+0");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.format(),
              "error[RZ203]: --grain: step must be positive\n"
              "  --grain 1:16:+0\n"
              "               ^^\n"
              "  help: try 1:16:+5, 1-16*2, 1,4,16 or auto");
    EXPECT_EQ(error.format(), error.what());
  }
}

TEST(UsageErrorFormat, EmptyTextStillHasACaret) {
  try {
    grains("");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(error.format().find("\n  --grain \n          ^\n"), std::string::npos)
        << error.format();
  }
}

TEST(UsageErrorFormat, LongAndStrangeTextIsCutAndMadeSafe) {
  const std::string text = std::string(200, '1') + "\x1b[31m\n" + std::string(200, '2');
  const UsageError error({"RZ202", "no", "--grain", text, 200, 3, ""});
  const std::string shown = error.format();
  EXPECT_LT(shown.size(), 400U);
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 2);
  EXPECT_NE(shown.find("..."), std::string::npos);
  EXPECT_NE(shown.find("^^^"), std::string::npos);
}

TEST(UsageErrorFormat, CaretCountsCharactersNotBytes) {
  const UsageError error({"RZ201", "no", "--kernel", "é,x", 3, 1, ""});
  EXPECT_NE(error.format().find("\n             ^"), std::string::npos) << error.format();
}

}  // namespace
}  // namespace ryz
