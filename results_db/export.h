// The public views as files that need no SQLite to be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hourglass::results {

enum class ExportFormat { kCsv, kJsonLines };

struct ExportOptions {
  std::string database;
  std::string folder;  // created, its parents too
  ExportFormat format = ExportFormat::kCsv;
  bool overwrite = false;  // replace files of an earlier export
};

struct ExportedFile {
  std::string path;
  int64_t rows = 0;
};

// Writes VIEW.csv or VIEW.jsonl for every public view; the same content gives the same bytes.
//
// CSV: RFC 4180 with a line feed, a header line, an empty field for NULL and "" for empty text.
// JSON: one object per line, keys in the order of the columns. Reals are the shortest decimals that
// read back as the same double; infinities are inf and -inf (text in JSON).
//
// No file is put in place before all are complete. AlreadyExists when one is there and `overwrite`
// is not set; else errors of ResultsReader::Open and of the file system.
absl::StatusOr<std::vector<ExportedFile>> ExportViews(const ExportOptions& options);

}  // namespace hourglass::results
