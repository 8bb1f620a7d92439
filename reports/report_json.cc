#include "reports/report_json.h"

#include <algorithm>
#include <charconv>

#include "reports/report_fields.h"

namespace ryz::report {
namespace {

using detail::Json;
using detail::OrderedJson;
using detail::Place;
using detail::Reader;
using detail::Writer;

// Ours nests seven deep.
constexpr int kMaxNesting = 32;

[[noreturn]] void refuse_source(const std::string& where, const std::string& why) {
  throw ReportError(fmt::format("cannot read report {}: {}", where, why));
}

// Before parsing, so that a hostile file costs no more than a pass over its bytes.
void check_nesting(std::string_view text, const std::string& where) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) {
        refuse_source(where, fmt::format("it nests more than {} deep, so it is no report; check "
                                         "the name",
                                         kMaxNesting));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

Json parse(std::string_view text, const std::string& where) {
  if (text.size() > kMaxFileBytes) {
    refuse_source(where, fmt::format("it is larger than {} MiB, so it is no report; check the name",
                                     kMaxFileBytes >> 20));
  }
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    refuse_source(where, "it is empty; write it again");
  }
  check_nesting(text, where);
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    std::string why = error.what();  // "[json.exception.parse_error.101] parse error at line ..."
    if (const auto end = why.find("] "); end != std::string::npos) why.erase(0, end + 2);
    refuse_source(where, fmt::format("it is not valid JSON ({}); it was cut off, edited or is no "
                                     "report: write it again",
                                     why));
  }
}

int major_of(const std::string& version) {
  int major = -1;
  const auto* end = version.data() + version.size();
  const auto [rest, error] = std::from_chars(version.data(), end, major);
  return error == std::errc() && rest != end && *rest == '.' ? major : -1;
}

void check_schema(const Json& json, const Place& root, const std::string& where) {
  std::string name;
  std::string version;
  Reader reader(json, root);
  reader.group("schema", [&](Reader& schema) {
    schema("name", name);
    schema("version", version);
  });
  if (name != kSchemaName) {
    refuse_source(where, fmt::format("its schema is \"{}\", not \"{}\"; name a report of ryz-lab",
                                     name.substr(0, 80), kSchemaName));
  }
  const int ours = major_of(kSchemaVersion);
  const int theirs = major_of(version);
  if (theirs < 0) {
    refuse_source(where, fmt::format("its schema version \"{}\" is not of the form 1.2.3; write it "
                                     "again",
                                     version.substr(0, 80)));
  }
  if (theirs != ours) {
    refuse_source(where, fmt::format("its schema version is {} and this ryz-lab reads {}.x; {}",
                                     version.substr(0, 80), ours,
                                     theirs > ours ? "use a newer ryz-lab" : "write it again"));
  }
}

// An object has no order of its own, so verdicts come back in the one they are discussed in.
void restore_order(std::vector<Verdict>& verdicts) {
  const auto rank = [](const Verdict& v) {
    constexpr std::string_view kOrder[] = {"simd", "encoding", "threading"};
    return std::find(std::begin(kOrder), std::end(kOrder), v.name) - std::begin(kOrder);
  };
  std::stable_sort(verdicts.begin(), verdicts.end(),
                   [&](const Verdict& a, const Verdict& b) { return rank(a) < rank(b); });
}

// Command lines and paths may hold any bytes: what is not UTF-8 becomes U+FFFD.
std::string dump(const OrderedJson& json) {
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(const Report& report) {
  OrderedJson json;
  Writer writer(json);
  writer.group("schema", [](Writer& schema) {
    schema("name", std::string(kSchemaName));
    schema("version", std::string(kSchemaVersion));
  });
  fields(writer, report);
  return dump(json);
}

std::string to_json(const std::vector<CatalogueEntry>& catalogue) {
  OrderedJson json;
  Writer writer(json);
  writer("catalogue", catalogue);
  return dump(json);
}

std::string to_json(const Machine& machine) {
  OrderedJson json;
  Writer writer(json);
  writer("machine", machine);
  return dump(json);
}

Report from_json(std::string_view text, const std::string& where) {
  const Json json = parse(text, where);
  const Place root{nullptr, where};
  check_schema(json, root, where);
  Report report;
  Reader reader(json, root);
  fields(reader, report);
  restore_order(report.verdicts);
  return report;
}

Report read_report(const std::string& path) { return from_json(read_file(path), path); }

void write_report(const Report& report, const std::string& path) {
  write_file(path, to_json(report));
}

}  // namespace ryz::report
