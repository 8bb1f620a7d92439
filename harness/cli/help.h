// Help that fits the terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace ryz {

// CLI11's layout with lines of at most `width` characters: descriptions, footers and subcommands
// are wrapped, and what repeats the description (lists of values, ranges, which flags exclude each
// other) is left out of an option's first line.
std::shared_ptr<CLI::Formatter> help_formatter(unsigned width);

// An error for a terminal of `width` columns: its sentence and its help are broken between words.
// What marks a place in a value stays as it is.
std::string fit_error(const std::string& text, std::size_t width);

}  // namespace ryz
