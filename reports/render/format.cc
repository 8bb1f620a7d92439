#include "reports/render/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ryz::report {

std::string ascii(std::string_view text) {
  std::string result;
  bool replaced = false;  // one mark for all bytes of a character
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      result += c;
      replaced = false;
    } else if (c == '\n' || c == '\t') {
      result += ' ';
      replaced = false;
    } else if ((byte & 0xc0) != 0x80 || !replaced) {
      result += '?';
      replaced = true;
    }
  }
  return result;
}

std::string xml_text(std::string_view text) {
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
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&apos;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string wrap(std::string_view text, std::size_t width, std::string_view first,
                 std::string_view rest) {
  const std::string clean = ascii(text);
  std::string result;
  std::string line(first);
  std::size_t indent = first.size();
  bool blank = true;
  const auto finish = [&] {
    result += line + "\n";
    line = rest;
    indent = rest.size();
    blank = true;
  };
  for (std::size_t at = 0; at < clean.size();) {
    at = clean.find_first_not_of(' ', at);
    if (at == std::string::npos) break;
    const std::size_t end = std::min(clean.find(' ', at), clean.size());
    std::string word = clean.substr(at, end - at);
    at = end;
    if (!blank && line.size() + 1 + word.size() > width) finish();  // and so `blank`
    while (blank) {
      const std::size_t room = width > indent + 8 ? width - indent : 8;
      if (word.size() <= room) break;
      line += word.substr(0, room);
      word.erase(0, room);
      finish();
    }
    if (!blank) line += ' ';
    line += word;
    blank = false;
  }
  if (!blank || result.empty()) finish();
  return result;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "?";
  const double size = std::abs(value);
  if (size >= 1e7 || (size > 0.0 && size < 1e-4)) return fmt::format("{:.3e}", value);
  if (size >= 999.95) return fmt::format("{:.0f}", value);
  if (size >= 99.995) return fmt::format("{:.1f}", value);
  if (size >= 9.9995) return fmt::format("{:.2f}", value);
  if (size >= 0.99995 || size == 0.0) return fmt::format("{:.3f}", value);
  return fmt::format("{:.4f}", value);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024.0 && unit + 1 < std::size(kUnits); ++unit) value /= 1024.0;
  const bool whole = value == std::floor(value) || value >= 100.0;
  return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, kUnits[unit]);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0 || seconds > 1e9) return "?";
  if (seconds < 10.0) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string percent_text(double ratio) {
  if (!std::isfinite(ratio)) return "?";
  const double percent = 100.0 * ratio;
  return fmt::format("{:.{}f}%", percent, std::abs(percent) < 9.95 ? 1 : 0);
}

std::string change_text(double ratio) {
  if (!std::isfinite(ratio)) return "?";
  return fmt::format("{:+.1f}%", std::abs(ratio) < 0.0005 ? 0.0 : 100.0 * ratio);
}

std::string error_text(const std::optional<double>& ratio) {
  if (!ratio) return "-";
  if (*ratio == 0.0) return "0";
  return std::abs(*ratio) < 0.01 ? fmt::format("{:.1e}", *ratio) : percent_text(*ratio);
}

std::string interval_text(double median, double lo, double hi) {
  const double half = std::max(hi - median, median - lo) / median;
  if (!std::isfinite(half)) return "+-?";
  return fmt::format("+-{:.{}f}%", 100.0 * half, half < 0.9995 ? 1 : 0);
}

std::string throughput_text(const Throughput& value) {
  return number_text(value.median) + " " +
         (value.n < 2 ? "(n=1)" : interval_text(value.median, value.ci_lo, value.ci_hi));
}

std::string evidence_value(const Evidence& evidence) {
  if (!evidence.value) return "";
  const double value = *evidence.value;
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  std::string text = whole ? fmt::format("{:.0f}", value) : number_text(value);
  const std::string& unit = evidence.unit;
  if (!unit.empty() && unit != "ratio" && unit != "count" && unit != "activation") {
    text += " " + unit;
  }
  return text;
}

std::string schedule_label(const Cell& cell) {
  std::size_t start = 0;
  for (int part = 0; part < 3 && start != std::string::npos; ++part) {
    start = cell.id.find('/', start);
    if (start != std::string::npos) ++start;
  }
  if (start == std::string::npos) return cell.schedule;
  return cell.id.substr(start, cell.id.find('/', start) - start);
}

std::string styled(std::string_view text, Style style, bool color) {
  if (!color || style == Style::kPlain) return std::string(text);
  const char* code = "0";
  switch (style) {
    case Style::kPlain:
      break;
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kGood:
      code = "32";
      break;
    case Style::kBad:
      code = "31";
      break;
    case Style::kDoubtful:
      code = "33";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Style style_of(State state) {
  switch (state) {
    case State::kClear:
      return Style::kGood;
    case State::kBlocked:
      return Style::kBad;
    case State::kUnknown:
      break;
  }
  return Style::kDoubtful;
}

}  // namespace ryz::report
