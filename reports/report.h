// Reports of an experiment, rendered from the results database alone.
//
// WriteReport writes into `output_directory` (created when missing):
//   report.html   one self-contained page: inline SVG and CSS, no script, no network
//   report.md     its twin with the same facts, referring to the SVG files beside it
//   *.svg         the figures
// The output is a pure function of the database's content and of `command`: no clock, no locale,
// byte for byte the same twice.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace hourglass::reports {

struct ReportOptions {
  std::string database;    // path of the results store
  std::string experiment;  // slug or id; empty: the only one, else the one with the newest run
  std::string output_directory;
  std::string command;  // what the caller types to make the report again; empty: with FILE, FOLDER
  // Told, in one line, that the database fails its check (results_db/check.h); may be empty. The
  // report is written all the same, and says so above everything else and in every table.
  std::function<void(const std::string& warning)> on_warning = {};
};

// NotFound: no such file or experiment (the message lists those there are). Unavailable: gnuplot
// cannot be run. Errors of opening the database as in results_db/store.h.
absl::Status WriteReport(const ReportOptions& options);

}  // namespace hourglass::reports
