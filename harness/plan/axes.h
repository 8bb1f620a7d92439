// The grammar of axes: what `--threads 1-8`, `--grain 1:16*2,64` and `--kernel 'avx512-*'` mean.
//
//   list := item{,item}
//   item := n | a-b | a-b+s | a-b*m | a:b | a:b:s | a:b:+s | a:b:*m | keyword
//
// Ends are inclusive, numbers positive, `k` is 1000 and `Ki` 1024. A keyword that stands for one
// number may also be an end (`1-phys`). Duplicates are dropped, the order is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/plan/usage_error.h"

namespace ryz {

// No list expands to more values than this.
inline constexpr std::size_t kMaxAxisValues = 4096;

// What an axis knows besides numbers.
struct AxisContext {
  std::string flag;                                            // for messages
  std::map<std::string, std::vector<std::uint64_t>> keywords;  // e.g. "phys" → {8}
  bool takes_auto = false;                                     // "auto" is a value of this axis
  std::string example = "1,4,16, 1-8, 1-16*2 or 1:16:+5";      // for help lines
};

struct AxisValues {
  std::vector<std::uint64_t> numbers;
  bool automatic = false;  // "auto" was among the items
};

// Throws UsageError.
AxisValues parse_axis_or_auto(std::string_view text, const AxisContext& context);

// The same where `auto` has no meaning.
std::vector<std::uint64_t> parse_axis(std::string_view text, const AxisContext& context);

// Thread counts: `phys` and `logical` are the physical cores and hardware threads this process may
// use, `pcores` the performance cores among the former, `all` is 1 to `logical`.
AxisContext threads_axis(unsigned physical, unsigned logical, unsigned performance);

// Grains: `auto` leaves the choice to the schedule.
AxisContext grain_axis();

// Names standing for other names: {"best", {"avx2"}}.
using NameAliases = std::map<std::string, std::vector<std::string>>;

// The known names that a comma list of names, aliases and globs (`*`, `?`) selects, without
// duplicates; globs and `all` select in the order of `known`. Throws UsageError.
std::vector<std::string> match_names(std::string_view flag, std::string_view text,
                                     const std::vector<std::string>& known,
                                     const NameAliases& aliases = {});

bool glob_match(std::string_view pattern, std::string_view text);

// The candidate that `word` was most likely meant to be; empty where none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

// "a, b, c", for messages.
std::string join_names(const std::vector<std::string>& names);

}  // namespace ryz
