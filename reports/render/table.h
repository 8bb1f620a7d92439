// A table built once and rendered for a terminal or as Markdown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/render/format.h"

namespace ryz::report {

struct Column {
  std::string title;
  enum class Align : std::uint8_t { kLeft, kRight } align = Align::kRight;
  // Where the row does not fit the terminal, this one goes to an indented line of its own.
  bool spills = false;
};

inline Column left(std::string title) { return {std::move(title), Column::Align::kLeft, false}; }
inline Column right(std::string title) { return {std::move(title), Column::Align::kRight, false}; }
inline Column spilling(std::string title) { return {std::move(title), Column::Align::kLeft, true}; }

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty, further ones are dropped.
  void row(std::vector<std::string> cells, Style style = Style::kPlain);
  bool empty() const { return rows_.empty(); }

  // No line is longer than `width`: columns that spill go first, then the widest left-aligned ones
  // are cut ("avx512-ga.."), then the line.
  std::string text(std::size_t width, std::string_view indent, bool color) const;
  std::string markdown() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style;
  };
  std::vector<std::size_t> widths(std::size_t room, bool& spill) const;
  std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                   bool spill) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

// Text in a Markdown table or sentence: nothing of it is taken for markup.
std::string markdown_text(std::string_view text);

}  // namespace ryz::report
