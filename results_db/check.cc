#include "results_db/check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "results_db/database.h"
#include "results_db/hashes.h"
#include "results_db/query.h"
#include "results_db/store.h"

namespace hourglass::results {
namespace {

// A big-endian number of SQLite's file header.
int64_t HeaderNumber(const std::string& header, size_t offset) {
  int64_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(header[offset + i]);
  return number;
}

// By its first bytes alone, because nothing else of a damaged file may be readable.
bool LooksLikeOurs(const std::string& path) {
  std::string header(100, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(header.data(), static_cast<std::streamsize>(header.size()))) return false;
  return std::memcmp(header.data(), "SQLite format 3", 16) == 0 &&
         HeaderNumber(header, 60) == kSchemaVersion && HeaderNumber(header, 68) == kApplicationId;
}

// The message alone: a finding names its subject itself.
std::string WithoutPath(const absl::Status& status, const std::string& path) {
  std::string_view message(status.message().data(), status.message().size());
  const std::string prefix = path + ": ";
  if (message.substr(0, prefix.size()) == prefix) message.remove_prefix(prefix.size());
  return std::string(message);
}

// type and name -> SQL
using Objects = std::map<std::string, std::string>;

Objects SchemaObjects(SQLite::Database& db) {
  SQLite::Statement row(db,
                        "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master"
                        " WHERE name NOT LIKE 'sqlite_%'");
  Objects objects;
  while (row.executeStep()) {
    objects[row.getColumn(0).getString()] = row.getColumn(1).getString();
  }
  return objects;
}

class Checker {
 public:
  Checker(SQLite::Database& db, ResultsReader& reader, const std::string& path)
      : db_(db), reader_(reader), path_(path) {}

  CheckReport Run() {
    report_.schema = kSchemaVersion;
    Guarded("integrity", [&] { Integrity(); });
    Guarded("foreign key", [&] { ForeignKeys(); });
    Guarded("schema", [&] { Schema(); });
    Guarded("hash", [&] { Hashes(); });
    Guarded("id", [&] { Ids(); });
    Guarded("bits", [&] { Bits(); });
    Guarded("unfinished", [&] { Unfinished(); });
    return std::move(report_);
  }

 private:
  void Add(std::string kind, std::string subject, std::string message, bool error = true) {
    report_.findings.push_back({error, std::move(kind), std::move(subject), std::move(message)});
  }

  // A file that cannot be read here may still be readable elsewhere.
  template <typename Step>
  void Guarded(const char* kind, const Step& step) {
    try {
      step();
    } catch (const SQLite::Exception& error) {
      Add(kind, path_, absl::StrCat("cannot be read: ", error.what()));
    }
  }

  void Integrity() {
    SQLite::Statement row(db_, "PRAGMA integrity_check");
    while (row.executeStep()) {
      const std::string message = row.getColumn(0).getString();
      if (message != "ok") Add("integrity", path_, message);
    }
  }

  void ForeignKeys() {
    SQLite::Statement row(db_,
                          "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check"
                          " GROUP BY 1, 2 ORDER BY 1, 2");
    while (row.executeStep()) {
      Add("foreign key", row.getColumn(0).getString(),
          absl::StrCat(row.getColumn(2).getInt64(), " rows point at rows of ",
                       row.getColumn(1).getString(), " that are not there"));
    }
  }

  void Schema() {
    std::map<int, std::string> stored;
    SQLite::Statement row(db_, "SELECT version, sha256 FROM schema_migration");
    while (row.executeStep()) stored[row.getColumn(0).getInt()] = row.getColumn(1).getString();
    SQLite::Database fresh(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (const Migration& migration : Migrations()) {
      if (stored[migration.version] != Sha256Hex(migration.sql)) {
        Add("schema", std::string(migration.name),
            "was applied in another form than this program knows");
      }
      ApplyMigration(fresh, migration, "");
    }
    const Objects found = SchemaObjects(db_);
    for (const auto& [object, sql] : SchemaObjects(fresh)) {
      const auto it = found.find(object);
      if (it == found.end()) {
        Add("schema", object, "is missing");
      } else if (it->second != sql) {
        Add("schema", object, "is not as this program made it");
      }
    }
  }

  void Hashes() {
    report_.points = db_.execAndGet("SELECT count(*) FROM point").getInt64();
    SQLite::Statement row(db_, "SELECT id, status, trace_sha256, row_sha256 FROM run ORDER BY id");
    while (row.executeStep()) {
      ++report_.runs;
      const std::string id = row.getColumn(0).getString();
      const auto status = ParseRunStatus(row.getColumn(1).getString());
      if (!status || *status == RunStatus::kRunning) continue;
      CheckMeasured(id, row.getColumn(2).getString());
      if (row.getColumn(3).getString() != RunRowSha256(db_, id, *status)) {
        Add("hash", absl::StrCat("run ", id), "its row is not the one that was stored");
      }
    }
  }

  // Of the losses, which are rows too, it is worth saying that they are the ones.
  void CheckMeasured(const std::string& id, const std::string& trace_sha256) {
    const std::string subject = absl::StrCat("run ", id);
    const std::string sealed = SealedRowsSha256(db_, id);
    if (trace_sha256 != TraceSha256(db_, id)) {
      Add("hash", subject, "its training losses are not those that were stored");
    } else if (sealed.empty()) {
      Add("unsealed", subject,
          "ended without a hash of its rows (an older program); only its training losses are held"
          " against what was stored",
          false);
    } else if (sealed != RowsSha256(db_, id)) {
      Add("hash", subject,
          "its points, summaries, timings or evaluation blocks are not those that were stored");
    }
  }

  // Each id once: runs share most of what they point at.
  void CompareId(const char* kind, const std::string& stored, const std::string& derived) {
    if (!seen_.insert(absl::StrCat(kind, " ", stored)).second || stored == derived) return;
    Add("id", absl::StrCat(kind, " ", stored), "its content is not the one its id was made of");
  }

  void CheckSources() {
    SQLite::Statement row(db_, "SELECT * FROM source_rev ORDER BY id");
    while (row.executeStep()) {
      SourceRev source;
      source.commit_sha = row.getColumn("commit_sha").getString();
      source.tree_sha = row.getColumn("tree_sha").getString();
      source.parent_sha = row.getColumn("parent_sha").getString();
      source.committed_at = row.getColumn("committed_at").getString();
      source.dirty = row.getColumn("dirty").getInt() != 0;
      source.diff = row.getColumn("diff_blob").getString();
      CompareId("source revision", row.getColumn("id").getString(), RowId(source));
    }
  }

  absl::Status CheckRecords() {
    HG_ASSIGN_OR_RETURN(const std::vector<ExperimentRecord> experiments, reader_.Experiments());
    for (const ExperimentRecord& experiment : experiments) {
      CompareId("experiment", experiment.id, RowId(experiment.row));
      HG_ASSIGN_OR_RETURN(const std::vector<RunRecord> runs, reader_.Runs(experiment.id));
      for (const RunRecord& run : runs) {
        CompareId("cell", run.cell_id, RowId(run.cell));
        CompareId("configuration", run.config_id, RowId(run.config));
        CompareId("build", run.build_id, RowId(run.build));
        CompareId("host", run.host_id, RowId(run.host));
        CompareId("data set", run.cell.dataset_train, RowId(run.train));
        if (run.valid) CompareId("data set", *run.cell.dataset_valid, RowId(*run.valid));
      }
    }
    return absl::OkStatus();
  }

  void Ids() {
    CheckSources();
    if (const absl::Status status = CheckRecords(); !status.ok()) {
      Add("id", path_, WithoutPath(status, path_));
    }
  }

  // SQLite keeps neither NaN (NULL) nor the sign of zero in a real; the bits do.
  void BitsOfTable(const char* table, const char* value) {
    SQLite::Statement row(db_, absl::StrCat("SELECT run, ", value, ", bits FROM ", table));
    std::map<std::string, int64_t> wrong;
    while (row.executeStep()) {
      const double expected = FromBits(row.getColumn(2).getInt64());
      const bool same = row.getColumn(1).isNull() ? std::isnan(expected)
                                                  : row.getColumn(1).getDouble() == expected;
      if (!same) ++wrong[row.getColumn(0).getString()];
    }
    for (const auto& [run, count] : wrong) {
      Add("bits", absl::StrCat("run ", run),
          absl::StrCat(count, " values of ", table, " differ from their bits"));
    }
  }

  void Bits() {
    BitsOfTable("point", "value");
    BitsOfTable("summary", "value");
    BitsOfTable("eval_block", "nll_bits");
  }

  void Unfinished() {
    SQLite::Statement row(
        db_,
        "SELECT run, last_step, budget, budget_kind, heartbeat_at, done_run FROM v_unfinished"
        " ORDER BY run");
    while (row.executeStep()) {
      std::string message = absl::StrCat(
          "not finished: step ", row.getColumn(1).getInt64(), " of ", row.getColumn(2).getInt64(),
          " ", row.getColumn(3).getString(), ", last written ", row.getColumn(4).getString(),
          "; it is running, or the same `run` command goes on with it");
      if (!row.getColumn(5).isNull()) {
        message = absl::StrCat("not finished, but its cell was done by run ",
                               row.getColumn(5).getString());
      }
      Add("unfinished", absl::StrCat("run ", row.getColumn(0).getString()), message, false);
    }
  }

  SQLite::Database& db_;
  ResultsReader& reader_;
  const std::string& path_;
  CheckReport report_;
  std::set<std::string> seen_;
};

}  // namespace

bool CheckReport::Clean() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.error; });
}

absl::StatusOr<CheckReport> CheckDatabase(const std::string& path) {
  const auto db = OpenForReading(path);
  const auto reader = ResultsReader::Open(path);
  for (const absl::Status& status : {db.status(), reader.status()}) {
    if (status.ok()) continue;
    if (!absl::IsDataLoss(status) || !LooksLikeOurs(path)) return status;
    CheckReport damaged;
    damaged.schema = kSchemaVersion;
    damaged.findings.push_back({true, "integrity", path, WithoutPath(status, path)});
    return damaged;
  }
  return Checker(**db, **reader, path).Run();
}

}  // namespace hourglass::results
