#include "reports/render/table.h"

#include <algorithm>
#include <numeric>

namespace ryz::report {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;

std::string cut(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  return width < 3 ? text.substr(0, width) : text.substr(0, width - 2) + "..";
}

}  // namespace

void Table::row(std::vector<std::string> cells, Style style) {
  cells.resize(columns_.size());
  for (auto& cell : cells) cell = ascii(cell);
  rows_.push_back({std::move(cells), style});
}

std::vector<std::size_t> Table::widths(std::size_t room, bool& spill) const {
  std::vector<std::size_t> result(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    result[c] = columns_[c].title.size();
    for (const Row& row : rows_) result[c] = std::max(result[c], row.cells[c].size());
  }
  const auto total = [&] {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!(spill && columns_[c].spills)) sum += result[c] + kGap;
    }
    return sum == 0 ? 0 : sum - kGap;
  };
  spill = false;
  if (total() > room) spill = true;
  while (total() > room) {
    std::size_t widest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].align == Column::Align::kRight || (spill && columns_[c].spills)) continue;
      if (result[c] <= std::max(kNarrowest, columns_[c].title.size())) continue;
      if (widest == columns_.size() || result[c] > result[widest]) widest = c;
    }
    if (widest == columns_.size()) break;
    --result[widest];
  }
  return result;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths, bool spill) const {
  std::string result;
  bool first = true;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (spill && columns_[c].spills) continue;
    if (!first) result.append(kGap, ' ');
    first = false;
    const std::string text = cut(cells[c], widths[c]);
    const std::string padding(widths[c] - text.size(), ' ');
    result += columns_[c].align == Column::Align::kLeft ? text + padding : padding + text;
  }
  result.erase(result.find_last_not_of(' ') + 1);
  return result;
}

std::string Table::text(std::size_t width, std::string_view indent, bool color) const {
  const std::size_t room = width > indent.size() ? width - indent.size() : 0;
  bool spill = false;
  const auto column_widths = widths(room, spill);
  const auto print = [&](const std::vector<std::string>& cells, Style style) {
    return std::string(indent) +
           styled(cut(line(cells, column_widths, spill), room), style, color) + "\n";
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::string result = print(titles, Style::kBold);
  for (const Row& row : rows_) {
    result += print(row.cells, row.style);
    for (std::size_t c = 0; spill && c < columns_.size(); ++c) {
      if (!columns_[c].spills || row.cells[c].empty()) continue;
      const std::string inner = std::string(indent) + "    ";
      result += wrap(columns_[c].title + ": " + row.cells[c], width, inner, inner + "  ");
    }
  }
  return result;
}

std::string Table::markdown() const {
  std::string result = "|";
  for (const Column& column : columns_) result += " " + markdown_text(column.title) + " |";
  result += "\n|";
  for (const Column& column : columns_) {
    result += column.align == Column::Align::kLeft ? "---|" : "--:|";
  }
  result += "\n";
  for (const Row& row : rows_) {
    result += "|";
    for (const auto& cell : row.cells) result += " " + markdown_text(cell) + " |";
    result += "\n";
  }
  return result;
}

std::string markdown_text(std::string_view text) {
  std::string result;
  for (const char c : ascii(text)) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '@':  // would notify whoever has that name
        result += "&#64;";
        break;
      case '|':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '\\':
      case '~':
        result += '\\';
        result += c;
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace ryz::report
