#include "results_db/database.h"

#include <sqlite3.h>

#include <bit>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "results_db/metrics.h"
#include "results_db/store.h"

namespace hourglass::results {
namespace {

constexpr char kUseAnotherFile[] = "name another file";

bool IsBlank(const Identity& identity) {
  return identity.application_id == 0 && identity.user_version == 0 && identity.objects == 0;
}

// Of the schema that this program reads and writes.
absl::Status CheckIdentity(const std::string& path, const Identity& identity) {
  HG_RETURN_IF_ERROR(CheckOurs(path, identity, kSchemaVersion));
  if (identity.user_version < kSchemaVersion) {
    return absl::DataLossError(absl::StrCat(
        path, ": written by an older program (schema ", identity.user_version, ", this one needs ",
        kSchemaVersion, "); nothing was changed; run hourglass db migrate ", path));
  }
  return absl::OkStatus();
}

void InsertMetrics(SQLite::Database& db) {
  SQLite::Statement insert(
      db,
      "INSERT INTO metric(name, unit, direction, kind, definition_version, definition)"
      " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  for (const MetricDefinition& metric : Metrics()) {
    BindText(insert, 1, metric.name);
    BindText(insert, 2, metric.unit);
    BindText(insert, 3, metric.direction);
    BindText(insert, 4, metric.kind);
    insert.bind(5, metric.version);
    BindText(insert, 6, metric.definition);
    insert.exec();
    insert.reset();
  }
}

bool HasAllMetrics(SQLite::Database& db) {
  SQLite::Statement find(db, "SELECT 1 FROM metric WHERE name = ? AND definition_version = ?");
  for (const MetricDefinition& metric : Metrics()) {
    BindText(find, 1, metric.name);
    find.bind(2, metric.version);
    if (!find.executeStep()) return false;
    find.reset();
  }
  return true;
}

absl::Status CreateSchema(SQLite::Database& db, const std::string& path, const std::string& now) {
  return InTransaction(db, path, "creating the schema", [&]() -> absl::Status {
    // Another process may have created it since we looked.
    const Identity identity = ReadIdentity(db);
    if (!IsBlank(identity)) return CheckIdentity(path, identity);
    for (const Migration& migration : Migrations()) ApplyMigration(db, migration, now);
    InsertMetrics(db);
    return absl::OkStatus();
  });
}

absl::Status CheckFolder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat(path, ": the folder does not exist; create it or name another file"));
  }
  if (std::filesystem::is_directory(path, error)) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": is a folder; name a file in it instead"));
  }
  return absl::OkStatus();
}

void Configure(SQLite::Database& db) {
  db.exec("PRAGMA synchronous = NORMAL");
  db.exec("PRAGMA foreign_keys = ON");
}

// A clean WAL file in a folder we may not write to can only be opened as immutable.
std::unique_ptr<SQLite::Database> OpenImmutable(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr char kHex[] = "0123456789ABCDEF";
      uri += {'%', kHex[(c >> 4) & 15], kHex[c & 15]};
    } else {
      uri += c;
    }
  }
  return std::make_unique<SQLite::Database>(uri + "?immutable=1",
                                            SQLite::OPEN_READONLY | SQLite::OPEN_URI);
}

void BeginReading(SQLite::Database& db) {
  db.exec("PRAGMA query_only = ON");
  db.exec("BEGIN");
  db.execAndGet("SELECT count(*) FROM sqlite_master");
}

}  // namespace

Identity ReadIdentity(SQLite::Database& db) {
  return {db.execAndGet("PRAGMA application_id").getInt(),
          db.execAndGet("PRAGMA user_version").getInt(),
          db.execAndGet("SELECT count(*) FROM sqlite_master").getInt()};
}

absl::Status CheckOurs(const std::string& path, const Identity& identity, int newest) {
  if (IsBlank(identity)) {
    return absl::DataLossError(
        absl::StrCat(path, ": holds no results database (no schema); ", kUseAnotherFile));
  }
  if (identity.application_id != kApplicationId) {
    return absl::DataLossError(absl::StrCat(
        path, ": a database of another program (application_id ", identity.application_id,
        ", ours is ", kApplicationId, "); nothing was changed; ", kUseAnotherFile));
  }
  if (identity.user_version > newest) {
    return absl::DataLossError(absl::StrCat(
        path, ": written by a newer program (schema ", identity.user_version, ", this one knows ",
        newest, "); nothing was changed; update the program or ", kUseAnotherFile));
  }
  if (identity.user_version < 1) {
    return absl::DataLossError(absl::StrCat(path, ": schema ", identity.user_version,
                                            " is not one of ours (1 to ", newest,
                                            "); the file is damaged; ", kUseAnotherFile));
  }
  return absl::OkStatus();
}

absl::Status CheckExists(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return absl::NotFoundError(
        absl::StrCat(path, ": no such file; name an existing results database"));
  }
  return CheckFolder(path);
}

void ApplyMigration(SQLite::Database& db, const Migration& migration, const std::string& now) {
  const std::string sql(migration.sql);
  db.exec(sql);
  SQLite::Statement log(db, "INSERT INTO schema_migration VALUES (?, ?, ?, ?)");
  log.bind(1, migration.version);
  BindText(log, 2, migration.name);
  log.bind(3, Sha256Hex(sql));
  log.bind(4, now);
  log.exec();
}

absl::Status FromException(const std::string& path, std::string_view what,
                           const SQLite::Exception& error) {
  const auto message = [&](std::string_view advice) {
    return absl::StrCat(path, ": ", absl::string_view(what.data(), what.size()), ": ", error.what(),
                        advice.empty() ? "" : "; ",
                        absl::string_view(advice.data(), advice.size()));
  };
  if (error.getExtendedErrorCode() == SQLITE_CONSTRAINT_TRIGGER) {
    return absl::FailedPreconditionError(message(""));
  }
  switch (error.getErrorCode()) {
    case SQLITE_NOTADB:
      return absl::DataLossError(
          message("the file is not a results database and was not changed; "
                  "name another file"));
    case SQLITE_CORRUPT:
      return absl::DataLossError(
          message("the file is damaged; keep a copy, then restore a backup or try "
                  "`sqlite3 FILE .recover`"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::AbortedError(
          message("another process holds the file; wait for it to end and try again"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          message("free space on the disk and try again; what was committed is kept"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(
          message("make the file and its folder readable and writable, or name another file"));
    case SQLITE_IOERR:
      return absl::ResourceExhaustedError(message("the disk reports an error"));
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(message(""));
    default:
      return absl::InternalError(message(""));
  }
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForWriting(
    const std::string& path, std::chrono::milliseconds busy_timeout, const std::string& now) {
  HG_RETURN_IF_ERROR(CheckFolder(path));
  try {
    auto db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                                 static_cast<int>(busy_timeout.count()));
    // Nothing may be written, the journal mode included, before the file is known to be ours.
    const Identity identity = ReadIdentity(*db);
    if (IsBlank(identity)) {
      db->exec("PRAGMA journal_mode = WAL");
      Configure(*db);
      HG_RETURN_IF_ERROR(CreateSchema(*db, path, now));
    } else {
      HG_RETURN_IF_ERROR(CheckIdentity(path, identity));
      db->exec("PRAGMA journal_mode = WAL");
      Configure(*db);
    }
    if (!HasAllMetrics(*db)) {
      HG_RETURN_IF_ERROR(InTransaction(*db, path, "adding metrics", [&] {
        InsertMetrics(*db);
        return absl::OkStatus();
      }));
    }
    return db;
  } catch (const SQLite::Exception& error) {
    return FromException(path, "opening", error);
  }
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForReading(const std::string& path) {
  HG_RETURN_IF_ERROR(CheckExists(path));
  try {
    // Read-write, so that closing it can tidy up the write-ahead log; query_only forbids the rest.
    auto db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE, 30000);
    try {
      BeginReading(*db);
    } catch (const SQLite::Exception& error) {
      const bool cannot_write =
          error.getErrorCode() == SQLITE_CANTOPEN || error.getErrorCode() == SQLITE_READONLY;
      std::error_code ignored;
      if (!cannot_write || std::filesystem::exists(path + "-wal", ignored)) throw;
      db = OpenImmutable(path);
      BeginReading(*db);
    }
    HG_RETURN_IF_ERROR(CheckIdentity(path, ReadIdentity(*db)));
    return db;
  } catch (const SQLite::Exception& error) {
    return FromException(path, "opening", error);
  }
}

int64_t BitsOf(double value) { return std::bit_cast<int64_t>(value); }
double FromBits(int64_t bits) { return std::bit_cast<double>(bits); }

void BindText(SQLite::Statement& statement, int index, std::string_view text) {
  statement.bind(index, std::string(text));
}

void BindOptional(SQLite::Statement& statement, int index, const std::optional<int64_t>& value) {
  if (value) {
    statement.bind(index, *value);
  } else {
    statement.bind(index);
  }
}

void BindTextOrNull(SQLite::Statement& statement, int index, std::string_view text) {
  if (text.empty()) {
    statement.bind(index);
  } else {
    BindText(statement, index, text);
  }
}

}  // namespace hourglass::results
