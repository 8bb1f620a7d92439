// Numbers and words as people read them: ASCII only, no number without its uncertainty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/report.h"

namespace ryz::report {

// Printable ASCII of any bytes. Reports come from other people's machines: what they hold must not
// drive a terminal.
std::string ascii(std::string_view text);

// Text for an XML attribute or element: ASCII, nothing of it is taken for markup.
std::string xml_text(std::string_view text);

// Lines of at most `width` characters: the first starts with `first`, the others with `rest`.
// A word longer than a line is cut.
std::string wrap(std::string_view text, std::size_t width, std::string_view first,
                 std::string_view rest);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

std::string number_text(double value);                       // four digits: 1234, 61.32, 0.4201
std::string bytes_text(std::uint64_t bytes);                 // 16 MiB
std::string duration_text(double seconds);                   // 10m20s
std::string percent_text(double ratio);                      // 0.88 -> 88%
std::string change_text(double ratio);                       // -0.107 -> -10.7%
std::string error_text(const std::optional<double>& ratio);  // 0, 1.2e-06, 133%, -

// "61.32 +-0.6%": the wider half of the interval; "61.32 (n=1)" where there is none.
std::string throughput_text(const Throughput& value);
std::string interval_text(double median, double lo, double hi);

// "7920 calls", "0.9554": counts as they are, measurements in four digits, and the unit where it
// says more than the fact does. Empty where the fact has no value.
std::string evidence_value(const Evidence& evidence);

// How a cell's schedule is called in its id: "g4".
std::string schedule_label(const Cell& cell);

// ---- terminal colours --------------------------------------------------------------------------
enum class Style : std::uint8_t { kPlain, kBold, kDim, kGood, kBad, kDoubtful };
std::string styled(std::string_view text, Style style, bool color);
Style style_of(State state);

}  // namespace ryz::report
