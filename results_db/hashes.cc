#include "results_db/hashes.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/json_text.h"
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

// One column, such that no two rows have the same text: a length before each string.
void AppendColumn(std::string& text, const SQLite::Column& column) {
  if (column.isNull()) {
    text += "null ";
  } else if (column.isInteger()) {
    absl::StrAppend(&text, column.getInt64(), " ");
  } else if (column.isFloat()) {
    absl::StrAppend(&text, "f", BitsOf(column.getDouble()), " ");
  } else {
    const std::string value = column.getString();
    absl::StrAppend(&text, value.size(), ":", value, " ");
  }
}

void HashRows(SQLite::Database& db, std::string_view run_id, const char* query, Sha256& hash) {
  SQLite::Statement read(db, query);
  BindText(read, 1, run_id);
  std::string text;
  while (read.executeStep()) {
    text.clear();
    for (int i = 0; i < read.getColumnCount(); ++i) AppendColumn(text, read.getColumn(i));
    text += '\n';
    hash.Update(text);
  }
  hash.Update("end\n");
}

// Without the values, which are held against their bits.
constexpr const char* kMeasuredRows[] = {
    "SELECT m.name, m.definition_version, p.step, p.bits, p.flops, p.wall_ns FROM point p"
    " JOIN metric m ON m.id = p.metric WHERE p.run = ? ORDER BY 1, 2, 3",
    "SELECT m.name, m.definition_version, s.agg, s.bits, s.ci_lo, s.ci_hi, s.n FROM summary s"
    " JOIN metric m ON m.id = s.metric WHERE s.run = ? ORDER BY 1, 2, 3",
    "SELECT bench, pair_round, arm, ord, ns, iters FROM timing WHERE run = ? ORDER BY 1, 2, 3, 4",
    "SELECT dataset, protocol, step, block, n_units, bits FROM eval_block WHERE run = ?"
    " ORDER BY 1, 2, 3, 4"};

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

std::string RowsSha256(SQLite::Database& db, std::string_view run_id) {
  Sha256 hash;
  for (const char* query : kMeasuredRows) HashRows(db, run_id, query, hash);
  return hash.Hex();
}

std::string SealedRowsSha256(SQLite::Database& db, std::string_view run_id) {
  SQLite::Statement read(db, "SELECT sha256 FROM artifact WHERE run = ? AND kind = ?");
  BindText(read, 1, run_id);
  BindText(read, 2, kRowsArtifact);
  return read.executeStep() ? read.getColumn(0).getString() : "";
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
  const std::string rows = SealedRowsSha256(db, run_id);
  if (!rows.empty()) row.push_back(rows);
  return Sha256Hex(JsonText(row));
}

}  // namespace hourglass::results
