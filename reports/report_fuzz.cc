// libFuzzer target: reading never crashes, and what is read can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reports/compare.h"
#include "reports/render/markdown.h"
#include "reports/render/text.h"
#include "reports/report_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ryz::report;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Report report = from_json(text, "fuzz");
    const std::string written = to_json(report);
    const Report again = from_json(written, "written");
    if (to_json(again) != written) std::abort();
    (void)render_text(report, {});
    (void)render_markdown(report);
    (void)to_json(compare(report, again, {}));
  } catch (const ReportError&) {
  }
  return 0;
}
