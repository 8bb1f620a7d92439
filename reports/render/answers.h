// What a person who has never seen the tool wants to know of a report, in plain sentences: the same
// in HTML and in `--brief`. Everything said is in the report; what is not known is said so.
#pragma once

#include <string>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

struct Answer {
  std::string question;
  std::string answer;
  std::string state;  // "clear", "blocked", "unknown", or empty where the question has no such
};

// In the order they are asked: which kernel ran, is it right, how fast, what holds it back, what to
// do next.
std::vector<Answer> answers(const Report& report);

// The cell all of this is about: the one the verdicts rest on, else the fastest right one. Null
// where no cell has a speed.
const Cell* subject_cell(const Report& report);

const Cell* find_cell(const Report& report, const std::string& id);

// Half of the cells with an interval have one at least this wide, as a share of the median.
std::optional<double> typical_half_width(const Report& report);

}  // namespace ryz::report
