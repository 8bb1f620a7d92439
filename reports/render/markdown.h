// Reports and comparisons as GitHub-flavoured Markdown.
#pragma once

#include <cstddef>
#include <string>

#include "reports/compare.h"
#include "reports/report.h"

namespace ryz::report {

std::string render_markdown(const Report& report);

// What an issue needs: where, what ran, is it right, how fast, the ladder, the command. Short.
std::string render_brief(const Report& report);

// GitHub refuses comments above 65536 characters.
inline constexpr std::size_t kMaxCommentBytes = 60000;
// First line of the comment, by which a workflow finds and replaces its own.
inline constexpr const char* kCommentMarker = "<!-- ryz-lab:compare -->";

// A comment for a pull request: the worst first, the rest folded, under kMaxCommentBytes. `fresh`
// adds the verdicts of the new report and may be null.
std::string render_markdown(const CompareResult& result, const Report* fresh = nullptr);

}  // namespace ryz::report
