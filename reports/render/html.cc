#include "reports/render/html.h"

#include <initializer_list>
#include <utility>

namespace ryz::report {

std::string render_html(const Report& report, const CompareResult* comparison) {
  const std::string data = page_data(report, comparison);
  const std::initializer_list<std::pair<std::string_view, std::string_view>> parts = {
      {"@@page.css@@", page_style()},
      {"@@data@@", data},
      {"@@chart.js@@", chart_library()},
      {"@@page.js@@", page_script()}};
  // Each place once and in the template's order, so that what was put in is not looked at again.
  const std::string_view page = page_template();
  std::string html;
  html.reserve(page.size() + page_style().size() + data.size() + chart_library().size() +
               page_script().size());
  std::size_t from = 0;
  for (const auto& [mark, text] : parts) {
    const std::size_t at = page.find(mark, from);
    html += page.substr(from, at - from);
    html += text;
    from = at + mark.size();
  }
  html += page.substr(from);
  return html;
}

}  // namespace ryz::report
