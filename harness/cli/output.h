// Where results go: one document on stdout, files whole or not at all.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "harness/cli/commands.h"
#include "harness/diagnose/diagnose.h"
#include "reports/compare.h"
#include "reports/report.h"

namespace ryz {

struct ReportOutputs {
  std::string out;              // JSON
  std::string format = "text";  // of stdout
  std::string markdown, csv, html, junit;
  std::string fix_log;  // and its graph beside it
  bool all = false;
};

// `always`: the JSON report is written even where --out is not given.
void add_report_outputs(CLI::App& app, ReportOutputs& outputs, bool always);

// All of them but --out.
void add_renderings(CLI::App& app, ReportOutputs& outputs);

// Throws ReportError where one of the files cannot be written: before a run, not after it.
void check_outputs(const ReportOutputs& outputs);

// Where the samples go while the run lasts: beside the JSON report, unless --journal says where.
void keep_journal(const ReportOutputs& outputs, LabOptions& options);
// Once the report holds all of them the journal is of no more use; a run cut short keeps it.
void drop_journal(const report::Report& report, const LabOptions& options);

// Writes the files, prints the result, and sets the context's verdict and exit code. The HTML page
// also shows `comparison`, where there is one.
void deliver(const report::Report& report, const ReportOutputs& outputs, Context& context,
             const report::CompareResult* comparison = nullptr);

// The report as `format` says: text, brief, json, markdown, csv or junit.
std::string render(const report::Report& report, const std::string& format, bool all,
                   const Context& context);

// Prints to stdout; throws ReportError where that fails (a full disk behind a redirection).
void print_result(const std::string& text);

}  // namespace ryz
