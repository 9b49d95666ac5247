#include "experiments/cli/view_rows.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct ToJson {
  Json operator()(std::monostate) const { return nullptr; }
  template <typename Value>
  Json operator()(const Value& value) const {
    return value;
  }
};

Json CellToJson(const results::ViewCell& cell) {
  const auto* text = std::get_if<std::string>(&cell.value);
  if (text != nullptr && absl::EndsWith(cell.column, "_json")) {
    const Json parsed = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_discarded()) return parsed;
  }
  return std::visit(ToJson(), cell.value);
}

}  // namespace

absl::StatusOr<Json> ViewRows(results::ResultsReader& reader, std::string_view view,
                              const std::optional<results::ViewFilter>& filter) {
  Json rows = Json::array();
  HG_RETURN_IF_ERROR(reader.ScanView(view, filter, [&](std::span<const results::ViewCell> cells) {
    Json row = Json::object();
    for (const results::ViewCell& cell : cells) row[cell.column] = CellToJson(cell);
    rows.push_back(std::move(row));
    return absl::OkStatus();
  }));
  return rows;
}

std::string PlainText(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

void PrintRows(const Json& rows, std::ostream& out) {
  if (rows.empty()) return;
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& [name, value] : rows.front().items()) lines[0].push_back(name);
  for (const Json& row : rows) {
    lines.emplace_back();
    for (const auto& [name, value] : row.items()) lines.back().push_back(PlainText(value));
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      absl::StrAppend(&text, "  ", line[i], std::string(widths[i] - line[i].size(), ' '));
    }
    out << absl::StripTrailingAsciiWhitespace(text) << "\n";
  }
}

}  // namespace hourglass
