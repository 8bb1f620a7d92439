#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "reports/render/fix_log.h"
#include "reports/render/format.h"

namespace ryz::report {
namespace {

constexpr double kWidth = 860.0;
constexpr double kLeft = 330.0;   // room for the stages' names
constexpr double kRight = 120.0;  // and for the numbers
constexpr double kTop = 46.0;
constexpr double kBar = 15.0;
constexpr double kGap = 12.0;
constexpr std::size_t kLongestTitle = 46;
constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

// Powers of ten around all values.
class LogAxis {
 public:
  explicit LogAxis(const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    low_ = std::floor(std::log10(*least));
    high_ = std::max(low_ + 1.0, std::ceil(std::log10(*most)));
  }
  double at(double value) const {
    const double share = (std::log10(value) - low_) / (high_ - low_);
    return kLeft + std::clamp(share, 0.0, 1.0) * (kWidth - kLeft - kRight);
  }
  int low() const { return static_cast<int>(low_); }
  int high() const { return static_cast<int>(high_); }

 private:
  double low_, high_;
};

std::string cut(std::string text) {
  if (text.size() > kLongestTitle) text = text.substr(0, kLongestTitle - 2) + "..";
  return text;
}

bool positive(const std::optional<double>& value) {
  return value && std::isfinite(*value) && *value > 0.0;
}

}  // namespace

std::string ladder_svg(const Report& report) {
  std::map<int, std::vector<const LadderStage*>> stages;
  std::set<unsigned> threads;
  std::vector<double> values;
  for (const LadderStage& s : report.ladder) {
    stages[s.stage].push_back(&s);
    threads.insert(s.threads);
    for (const auto& v : {s.tok_per_s, s.promised_tok_per_s}) {
      if (positive(v)) values.push_back(*v);
    }
  }
  if (values.empty()) values.push_back(1.0);
  const LogAxis axis(values);
  std::string body;
  double y = kTop;
  for (const auto& [number, list] : stages) {
    const double begin = y;
    body +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 8,
                    y + 12, xml_text(cut(fmt::format("{}  {}", number, list.front()->title))));
    for (const LadderStage* s : list) {
      const auto color =
          static_cast<std::size_t>(std::distance(threads.begin(), threads.find(s->threads)));
      if (positive(s->tok_per_s)) {
        const double end = axis.at(*s->tok_per_s);
        const bool wrong = s->status == Status::kWrong;
        body += fmt::format(
            "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\" "
            "fill-opacity=\"{}\" stroke=\"{}\"/>\n",
            kLeft, y, std::max(1.0, end - kLeft), kBar - 2, kColors[color % std::size(kColors)],
            wrong ? "0.2" : "0.9", kColors[color % std::size(kColors)]);
        double text_at = end;
        if (positive(s->ci_lo) && positive(s->ci_hi)) {
          const double middle = y + (kBar - 2) / 2;
          text_at = std::max(end, axis.at(*s->ci_hi));
          body += fmt::format("<path class=\"ink\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n",
                              axis.at(*s->ci_lo), middle, axis.at(*s->ci_hi));
        }
        body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}{}</text>\n", text_at + 9, y + 11,
                            number_text(*s->tok_per_s), wrong ? " WRONG" : "");
      } else {
        body +=
            fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">not measured</text>\n", kLeft + 6, y + 11);
      }
      y += kBar;
    }
    if (const auto& promised = list.front()->promised_tok_per_s; positive(promised)) {
      const double x = axis.at(*promised);
      body += fmt::format("<path class=\"promise\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/>\n", x,
                          begin - 3, y + 1);
    }
    y += kGap;
  }
  std::string grid;
  for (int power = axis.low(); power <= axis.high(); ++power) {
    const double x = axis.at(std::pow(10.0, power));
    grid += fmt::format(
        "<path class=\"grid\" d=\"M{0:.1f} {1}V{2:.1f}\"/><text x=\"{0:.1f}\" y=\"{3:.1f}\" "
        "text-anchor=\"middle\">{4:g}</text>\n",
        x, kTop - 6, y, y + 14, std::pow(10.0, power));
  }
  std::string legend;
  double x = kLeft;
  std::size_t color = 0;
  for (const unsigned t : threads) {
    legend += fmt::format(
        "<rect x=\"{:.1f}\" y=\"14\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{:.1f}\" "
        "y=\"24\">{} thread{}</text>\n",
        x, kColors[color++ % std::size(kColors)], x + 17, t, t == 1 ? "" : "s");
    x += 95;
  }
  legend += fmt::format(
      "<path class=\"promise\" d=\"M{:.1f} 12V28\"/><text x=\"{:.1f}\" y=\"24\">promised</text>\n",
      x + 4, x + 12);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" "
      "height=\"{1:.0f}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<title>tok/s by stage of the ladder, measured and promised, logarithmic</title>\n"
      "<style>svg{{background:#fff}}text{{fill:#1b2027}}.grid{{stroke:#d6dbe1}}"
      ".ink{{stroke:#1b2027;stroke-width:1.5}}.promise{{stroke:#a81e24;stroke-width:3}}"
      "@media(prefers-color-scheme:dark){{svg{{background:#12161b}}text{{fill:#e7ebf0}}"
      ".grid{{stroke:#38414c}}.ink{{stroke:#e7ebf0}}.promise{{stroke:#ff9a9a}}}}</style>\n"
      "{2}{3}{4}<text x=\"{5:.1f}\" y=\"{6:.1f}\" text-anchor=\"middle\">tok/s</text>\n</svg>\n",
      kWidth, y + 40, grid, legend, body, (kLeft + kWidth - kRight) / 2, y + 32);
}

}  // namespace ryz::report
