#include "results_db/hashes.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/hash.h"
#include "nlohmann/json.hpp"
#include "results_db/database.h"
#include "results_db/metrics.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

void AppendLittleEndian(std::string& bytes, int64_t value) {
  uint64_t rest = static_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i) {
    bytes += static_cast<char>(rest & 255);
    rest >>= 8;
  }
}

Json ColumnToJson(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  return column.getString();
}

}  // namespace

std::string TraceSha256(SQLite::Database& db, std::string_view run_id) {
  SQLite::Statement read(db,
                         absl::StrCat("SELECT step, bits FROM point WHERE run = ?1 AND step >= 1"
                                      " AND metric = ",
                                      kMetricOfRun, " ORDER BY step"));
  BindText(read, 1, run_id);
  BindText(read, 2, kTrainLossNats);
  std::string bytes;
  while (read.executeStep()) {
    AppendLittleEndian(bytes, read.getColumn(0).getInt64());
    AppendLittleEndian(bytes, read.getColumn(1).getInt64());
  }
  return bytes.empty() ? "" : Sha256Hex(bytes);
}

std::string RunRowSha256(SQLite::Database& db, std::string_view run_id, RunStatus status) {
  SQLite::Statement read(db, "SELECT * FROM run WHERE id = ?");
  BindText(read, 1, run_id);
  if (!read.executeStep()) return "";
  Json row = Json::array();
  for (int i = 0; i < read.getColumnCount(); ++i) {
    const std::string_view name = read.getColumnName(i);
    if (name == "row_sha256") continue;
    row.push_back(name == "status" ? Json(ToString(status)) : ColumnToJson(read.getColumn(i)));
  }
  return Sha256Hex(row.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace hourglass::results
