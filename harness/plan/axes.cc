#include "harness/plan/axes.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

namespace ryz {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The items of a comma list, blanks around them cut off.
std::vector<Span> split_items(std::string_view text) {
  std::vector<Span> items;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    Span item{begin, comma};
    while (item.begin < item.end && text[item.begin] == ' ') ++item.begin;
    while (item.end > item.begin && text[item.end - 1] == ' ') --item.end;
    items.push_back(item);
    if (comma == text.size()) return items;
    begin = comma + 1;
  }
}

class AxisParser {
 public:
  AxisParser(std::string_view text, const AxisContext& context) : text_(text), context_(context) {}

  AxisValues parse() {
    for (const Span item : split_items(text_)) {
      if (item.begin == item.end) {
        fail("RZ207", text_.empty() ? "the list is empty" : "an item of the list is empty",
             {item.begin, item.begin + 1});
      }
      parse_item(item);
    }
    return std::move(values_);
  }

 private:
  [[noreturn]] void fail(const char* id, const std::string& message, Span where,
                         const std::string& help = "") const {
    throw UsageError({id, message, context_.flag, std::string(text_), where.begin,
                      where.end - where.begin, help.empty() ? "try " + context_.example : help});
  }

  void add(std::uint64_t value, Span item) {
    if (++expanded_ > kMaxAxisValues) {
      fail("RZ206", "more than " + std::to_string(kMaxAxisValues) + " values", item);
    }
    if (seen_.insert(value).second) values_.numbers.push_back(value);
  }

  void parse_item(Span item) {
    pos_ = item.begin;
    end_ = item.end;
    if (whole_item_is_word()) {
      keyword(item);
      return;
    }
    const std::uint64_t first = bound();
    if (pos_ == end_) {
      add(first, item);
      return;
    }
    const char separator = text_[pos_];
    if (separator != '-' && separator != ':') {
      fail("RZ202", "expected a number, a range or a keyword", {pos_, end_});
    }
    ++pos_;
    const std::uint64_t last = bound();
    if (last < first) {
      fail("RZ204", "the range runs backwards", item,
           "write it as " + std::to_string(last) + separator + std::to_string(first));
    }
    range(first, last, separator, item);
  }

  bool whole_item_is_word() const {
    const std::string_view word = text_.substr(pos_, end_ - pos_);
    return is_letter(word.front()) && std::all_of(word.begin(), word.end(), [](char c) {
             return is_letter(c) || is_digit(c) || c == '_';
           });
  }

  void keyword(Span item) {
    const std::string word(text_.substr(item.begin, item.end - item.begin));
    if (word == "auto" && context_.takes_auto) {
      values_.automatic = true;
      return;
    }
    for (const std::uint64_t value : values_of(word, item)) add(value, item);
  }

  const std::vector<std::uint64_t>& values_of(const std::string& word, Span where) const {
    const auto it = context_.keywords.find(word);
    if (it != context_.keywords.end()) return it->second;
    std::vector<std::string> known;
    for (const auto& [name, values] : context_.keywords) known.push_back(name);
    if (context_.takes_auto) known.emplace_back("auto");
    const std::string near = nearest_name(word, known);
    std::string help = near.empty() ? "" : "did you mean " + near + "? ";
    help += known.empty() ? "this axis takes numbers only: " + context_.example
                          : "keywords: " + join_names(known);
    fail("RZ201", "unknown keyword '" + word + "'", where, help);
  }

  // A number, or a keyword that stands for one.
  std::uint64_t bound() {
    if (pos_ == end_ || !is_letter(text_[pos_])) return number("a positive integer");
    const std::size_t begin = pos_;
    while (pos_ < end_ && is_letter(text_[pos_])) ++pos_;
    const Span where{begin, pos_};
    const std::string word(text_.substr(begin, pos_ - begin));
    const std::vector<std::uint64_t>& values = values_of(word, where);
    if (values.size() != 1) {
      fail("RZ202", "'" + word + "' is a list and cannot be the end of a range", where);
    }
    return values.front();
  }

  std::uint64_t number(const char* what) {
    const std::size_t begin = pos_;
    if (pos_ == end_ || !is_digit(text_[pos_])) {
      fail("RZ202", std::string("expected ") + what, {begin, std::max(begin + 1, end_)});
    }
    bool fits = true;
    std::uint64_t value = 0;
    for (; pos_ < end_ && is_digit(text_[pos_]); ++pos_) {
      const auto digit = static_cast<std::uint64_t>(text_[pos_] - '0');
      fits = fits && value <= (kMax - digit) / 10;
      if (fits) value = value * 10 + digit;
    }
    std::uint64_t unit = 1;
    if (text_.substr(pos_, end_ - pos_).starts_with("Ki")) {
      unit = 1024;
      pos_ += 2;
    } else if (pos_ < end_ && text_[pos_] == 'k') {
      unit = 1000;
      ++pos_;
    }
    const Span where{begin, pos_};
    if (!fits || value > kMax / unit) fail("RZ205", "the number is too large", where);
    if (value == 0) fail("RZ202", "must be positive", where);
    return value * unit;
  }

  // After a-b or a:b: an optional +s or *m; after a colon range a plain s too.
  void range(std::uint64_t first, std::uint64_t last, char separator, Span item) {
    std::uint64_t step = 1;
    bool factor = false;
    if (pos_ < end_) {
      if (separator == ':') {
        if (text_[pos_] != ':') fail("RZ202", "expected ':' and a step", {pos_, end_});
        ++pos_;
      }
      const std::size_t begin = pos_;
      if (pos_ < end_ && (text_[pos_] == '+' || text_[pos_] == '*')) {
        factor = text_[pos_++] == '*';
      } else if (separator == '-') {
        fail("RZ202", "expected +step or *factor", {pos_, end_});
      }
      step = step_number(begin, factor);
      if (pos_ != end_) fail("RZ202", "unexpected text after the step", {pos_, end_});
    }
    for (std::uint64_t value = first;;) {
      add(value, item);
      const bool more = factor ? value <= last / step : last - value >= step;
      if (!more) return;
      value = factor ? value * step : value + step;
    }
  }

  std::uint64_t step_number(std::size_t begin, bool factor) {
    const std::size_t digits = pos_;
    std::size_t zeros = pos_;
    while (zeros < end_ && text_[zeros] == '0') ++zeros;
    if (zeros > digits && zeros == end_) {
      fail("RZ203", factor ? "factor must be at least 2" : "step must be positive", {begin, end_});
    }
    const std::uint64_t step = number("a step");
    if (factor && step < 2) fail("RZ203", "factor must be at least 2", {begin, pos_});
    return step;
  }

  std::string_view text_;
  const AxisContext& context_;
  std::size_t pos_ = 0;
  std::size_t end_ = 0;
  std::size_t expanded_ = 0;
  std::set<std::uint64_t> seen_;
  AxisValues values_;
};

// Upper case, '_' and blanks are slips of the hand, not other letters.
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    out +=
        c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// Edits to turn one word into the other: insert, drop, change, swap neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

AxisValues parse_axis_or_auto(std::string_view text, const AxisContext& context) {
  return AxisParser(text, context).parse();
}

std::vector<std::uint64_t> parse_axis(std::string_view text, const AxisContext& context) {
  AxisContext numbers_only = context;
  numbers_only.takes_auto = false;
  return parse_axis_or_auto(text, numbers_only).numbers;
}

AxisContext threads_axis(unsigned physical, unsigned logical, unsigned performance) {
  AxisContext context;
  context.flag = "--threads";
  context.keywords["phys"] = {physical};
  context.keywords["logical"] = {logical};
  context.keywords["pcores"] = {performance};
  std::vector<std::uint64_t>& all = context.keywords["all"];
  all.resize(logical);
  std::iota(all.begin(), all.end(), std::uint64_t{1});
  context.example = "1,2,4, 1-8, 1-phys or phys";
  return context;
}

AxisContext grain_axis() {
  AxisContext context;
  context.flag = "--grain";
  context.takes_auto = true;
  context.example = "1:16:+5, 1-16*2, 1,4,16 or auto";
  return context;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last '*', and where its match would end
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongestWord = 64;  // nobody mistypes more; keeps pasted text cheap
  if (word.size() > kLongestWord) return "";
  const std::string typed = folded(word);
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(typed, folded(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (!best.empty() || typed.size() < 3) return best;
  for (const std::string& candidate : candidates) {  // the beginning or a part of a name
    if (folded(candidate).find(typed) != std::string::npos) return candidate;
  }
  return best;
}

std::string join_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::vector<std::string> match_names(std::string_view flag, std::string_view text,
                                     const std::vector<std::string>& known,
                                     const NameAliases& aliases) {
  std::vector<std::string> chosen;
  std::set<std::string> seen;
  const auto add = [&](const std::string& name) {
    if (seen.insert(name).second) chosen.push_back(name);
  };
  const auto fail = [&](const char* id, std::string message, Span where, std::string help) {
    throw UsageError({id, std::move(message), std::string(flag), std::string(text), where.begin,
                      where.end - where.begin, std::move(help)});
  };
  std::vector<std::string> vocabulary = known;
  for (const auto& [alias, names] : aliases) vocabulary.push_back(alias);
  vocabulary.emplace_back("all");
  const std::string listing = "known: " + join_names(vocabulary);

  for (const Span item : split_items(text)) {
    const std::string word(text.substr(item.begin, item.end - item.begin));
    if (word.empty()) {
      fail("RZ207", text.empty() ? "the list is empty" : "an item of the list is empty",
           {item.begin, item.begin + 1}, listing);
    }
    if (std::find(known.begin(), known.end(), word) != known.end()) {
      add(word);
    } else if (const auto alias = aliases.find(word); alias != aliases.end()) {
      for (const std::string& name : alias->second) add(name);
    } else if (word == "all") {
      for (const std::string& name : known) add(name);
    } else if (word.find_first_of("*?") != std::string::npos) {
      bool any = false;
      for (const std::string& name : known) {
        if (!glob_match(word, name)) continue;
        add(name);
        any = true;
      }
      if (!any) fail("RZ208", "'" + word + "' matches nothing", item, listing);
    } else {
      const std::string near = nearest_name(word, vocabulary);
      fail("RZ201", "unknown name '" + word + "'", item,
           (near.empty() ? "" : "did you mean " + near + "? ") + listing);
    }
  }
  return chosen;
}

}  // namespace ryz
