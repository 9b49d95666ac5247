#include "results_db/export.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/file.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/query.h"

namespace hourglass::results {
namespace {

template <typename Number>
std::string Shortest(Number number) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), number).ptr);
}

std::string QuotedCsv(const std::string& text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string QuotedJson(const std::string& text) { return JsonText(nlohmann::json(text)); }

struct ToCsv {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(int64_t number) const { return Shortest(number); }
  std::string operator()(double number) const { return Shortest(number); }
  std::string operator()(const std::string& text) const { return QuotedCsv(text); }
};

struct ToJson {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(int64_t number) const { return Shortest(number); }
  std::string operator()(double number) const {
    return std::isfinite(number) ? Shortest(number) : QuotedJson(Shortest(number));
  }
  std::string operator()(const std::string& text) const { return QuotedJson(text); }
};

std::string CsvLine(std::span<const ViewCell> row) {
  std::string line;
  for (const ViewCell& cell : row) {
    absl::StrAppend(&line, line.empty() ? "" : ",", std::visit(ToCsv(), cell.value));
  }
  return line + "\n";
}

std::string JsonLine(std::span<const ViewCell> row) {
  std::string line;
  for (const ViewCell& cell : row) {
    absl::StrAppend(&line, line.empty() ? "{" : ",", QuotedJson(cell.column), ":",
                    std::visit(ToJson(), cell.value));
  }
  return line + "}\n";
}

std::string CsvHeader(const std::vector<std::string>& columns) {
  std::string line;
  for (const std::string& column : columns) {
    absl::StrAppend(&line, line.empty() ? "" : ",", QuotedCsv(column));
  }
  return line + "\n";
}

absl::StatusOr<int64_t> WriteView(ResultsReader& reader, std::string_view view, ExportFormat format,
                                  AtomicFile& file) {
  const bool csv = format == ExportFormat::kCsv;
  if (csv) {
    HG_ASSIGN_OR_RETURN(const std::vector<std::string> columns, reader.ViewColumns(view));
    HG_RETURN_IF_ERROR(file.Append(CsvHeader(columns)));
  }
  int64_t rows = 0;
  HG_RETURN_IF_ERROR(reader.ScanView(view, std::nullopt, [&](std::span<const ViewCell> row) {
    ++rows;
    return file.Append(csv ? CsvLine(row) : JsonLine(row));
  }));
  return rows;
}

std::string PathOf(const ExportOptions& options, std::string_view view) {
  return absl::StrCat(options.folder, "/", absl::string_view(view.data(), view.size()),
                      options.format == ExportFormat::kCsv ? ".csv" : ".jsonl");
}

absl::Status CheckFree(const ExportOptions& options) {
  if (options.overwrite) return absl::OkStatus();
  for (const std::string_view view : PublicViews()) {
    const std::string path = PathOf(options, view);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
      return absl::AlreadyExistsError(absl::StrCat(path, ": exists already; nothing was written"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ExportedFile>> ExportViews(const ExportOptions& options) {
  HG_ASSIGN_OR_RETURN(const auto reader, ResultsReader::Open(options.database));
  HG_RETURN_IF_ERROR(CheckFree(options));
  HG_RETURN_IF_ERROR(MakeDirectories(options.folder));
  std::vector<ExportedFile> files;
  std::vector<AtomicFile> pending;
  for (const std::string_view view : PublicViews()) {
    const std::string path = PathOf(options, view);
    HG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
    HG_ASSIGN_OR_RETURN(const int64_t rows, WriteView(*reader, view, options.format, file));
    files.push_back({path, rows});
    pending.push_back(std::move(file));
  }
  for (AtomicFile& file : pending) HG_RETURN_IF_ERROR(file.Commit());
  return files;
}

}  // namespace hourglass::results
