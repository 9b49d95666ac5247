#include "results_db/migrate.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/runfiles.h"
#include "results_db/query.h"
#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Columns = std::vector<std::string>;

Columns ColumnsOf(SQLite::Database& db, const std::string& table) {
  SQLite::Statement row(db, "SELECT name FROM pragma_table_info(?) ORDER BY cid");
  row.bind(1, table);
  Columns columns;
  while (row.executeStep()) columns.push_back(row.getColumn(0).getString());
  return columns;
}

std::string Listed(const Columns& columns) {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "\"" : ", \"") + column + "\"";
  return list;
}

// The rows of a table or view, sorted; of its columns only those named.
Rows RowsOf(SQLite::Database& db, const std::string& table, const Columns& columns) {
  SQLite::Statement row(db, "SELECT " + Listed(columns) + " FROM \"" + table + "\"");
  Rows rows;
  while (row.executeStep()) {
    rows.emplace_back();
    for (int i = 0; i < row.getColumnCount(); ++i) {
      rows.back().push_back(row.getColumn(i).isNull() ? "NULL" : row.getColumn(i).getString());
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

class MigrateTest : public DatabaseTest {
 protected:
  // A file of schema 1 with rows in it: those of a store of today, copied column by column.
  void MakeVersion1() {
    const std::string today = folder_ / "today.db";
    FillSample(today);
    const auto schema = ReadFile(FindRunfile("results_db/schema/001_init.sql").value());
    ASSERT_TRUE(schema.ok()) << schema.status();
    Execute(path_, "PRAGMA journal_mode = WAL; BEGIN; " + *schema + "; COMMIT");
    SQLite::Database db(path_, SQLite::OPEN_READWRITE);
    db.exec("ATTACH '" + today + "' AS today");
    for (const char* table :
         {"source_rev", "build", "host", "dataset", "config", "experiment", "cell", "run", "metric",
          "point", "summary", "timing", "eval_block"}) {
      const std::string columns = Listed(ColumnsOf(db, table));
      db.exec(std::string("INSERT INTO main.") + table + "(" + columns + ") SELECT " + columns +
              " FROM today." + table);
      EXPECT_NE(db.execAndGet(std::string("SELECT count(*) FROM main.") + table).getInt(), 0)
          << table;
    }
    SQLite::Statement log(db, "INSERT INTO schema_migration VALUES (1, '001_init', ?, ?)");
    log.bind(1, Sha256Hex(*schema));
    log.bind(2, kSampleTime);
    log.exec();
  }

  std::vector<std::string> Backups() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string name = entry.path().filename();
      if (name.find(".backup-") != std::string::npos) found.push_back(entry.path());
    }
    return found;
  }

  // Neither the file nor its neighbourhood changed.
  void ExpectUntouched(const std::string& sha256) {
    EXPECT_EQ(Sha256FileHex(path_).value(), sha256);
    EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
    EXPECT_FALSE(std::filesystem::exists(path_ + "-journal"));
  }
};

TEST_F(MigrateTest, MigrationsAreNumberedFromOneToTheSchemaVersion) {
  int version = 0;
  for (const Migration& migration : Migrations()) {
    EXPECT_EQ(migration.version, ++version);
    const std::string file = "results_db/schema/" + std::string(migration.name) + ".sql";
    EXPECT_EQ(ReadFile(FindRunfile(file).value()).value(), migration.sql);
    EXPECT_EQ(std::stoi(std::string(migration.name.substr(0, 3))), version);
  }
  EXPECT_EQ(version, kSchemaVersion);
}

TEST_F(MigrateTest, EveryRowAndEveryViewColumnOfVersion1IsStillThere) {
  MakeVersion1();
  std::map<std::string, std::pair<Columns, Rows>> before;
  {
    SQLite::Database db(path_, SQLite::OPEN_READWRITE);
    for (const std::string& name :
         AskAll(path_,
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                " AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migration'")) {
      const Columns columns = ColumnsOf(db, name);
      before[name] = {columns, RowsOf(db, name, columns)};
    }
  }
  ASSERT_EQ(before.size(), 28u) << "22 tables and 6 views";
  const std::string sha256 = Sha256FileHex(path_).value();
  MigrateOptions options;
  options.now = [] { return std::string("2026-01-02T03:04:05.678901Z"); };
  const auto result = Migrate(path_, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->from, 1);
  EXPECT_EQ(result->to, kSchemaVersion);
  EXPECT_EQ(result->backup, path_ + ".backup-v1-20260102T030405.678901Z");
  EXPECT_NE(Sha256FileHex(path_).value(), sha256);
  SQLite::Database db(path_, SQLite::OPEN_READWRITE);
  SQLite::Database backup(result->backup, SQLite::OPEN_READWRITE);
  for (const auto& [name, content] : before) {
    const auto& [columns, rows] = content;
    EXPECT_EQ(RowsOf(db, name, columns), rows) << name;
    EXPECT_EQ(RowsOf(backup, name, columns), rows) << name;
    Columns now = ColumnsOf(db, name);
    if (name.rfind("v_", 0) != 0) continue;
    ASSERT_GE(now.size(), columns.size()) << name;
    now.resize(columns.size());
    EXPECT_EQ(now, columns) << name << ": old columns keep their places";
  }
  EXPECT_EQ(Ask(path_, "SELECT group_concat(DISTINCT protocol) FROM eval_block"), "windows");
  EXPECT_EQ(Ask(path_, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Ask(path_, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
  EXPECT_EQ(Ask(path_, "PRAGMA journal_mode"), "wal");
  for (const Migration& migration : Migrations()) {
    EXPECT_EQ(Ask(path_, "SELECT sha256 FROM schema_migration WHERE version = " +
                             std::to_string(migration.version)),
              Sha256Hex(migration.sql));
  }
  auto store = ResultsStore::Open(path_);
  ASSERT_TRUE(store.ok()) << store.status();
  AddOkRun(**store, "4@1", "vanilla", 3, 1.0);
}

TEST_F(MigrateTest, AMigratedFileHasTheSchemaOfANewOne) {
  MakeVersion1();
  ASSERT_TRUE(Migrate(path_).ok());
  const std::string fresh = folder_ / "fresh.db";
  FixedStore(fresh);
  const char* sql =
      "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master"
      " ORDER BY 1";
  EXPECT_EQ(AskAll(path_, sql), AskAll(fresh, sql));
}

TEST_F(MigrateTest, ThereIsNothingToDoForAFileOfToday) {
  FillSample(path_);
  const std::string sha256 = Sha256FileHex(path_).value();
  const auto result = Migrate(path_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->from, result->to);
  EXPECT_EQ(result->backup, "");
  EXPECT_TRUE(Backups().empty());
  ExpectUntouched(sha256);
}

TEST_F(MigrateTest, AMigrationThatFailsHalfWayLeavesTheFileAsItWasWithItsBackup) {
  MakeVersion1();
  const std::string sha256 = Sha256FileHex(path_).value();
  std::vector<Migration> migrations(Migrations().begin(), Migrations().end());
  const int broken = kSchemaVersion + 1;
  migrations.push_back({broken, "broken",
                        "CREATE TABLE half(way INTEGER); INSERT INTO half VALUES (1);"
                        "DROP VIEW v_result; INSERT INTO nowhere VALUES (1);"});
  MigrateOptions options;
  options.migrations = migrations;
  const auto result = Migrate(path_, options);
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(Mentions(result.status(), path_) && Mentions(result.status(), "nowhere") &&
              Mentions(result.status(), "nothing was changed"))
      << result.status();
  ExpectUntouched(sha256);
  ASSERT_EQ(Backups().size(), 1u);
  EXPECT_EQ(Ask(Backups()[0], "PRAGMA user_version"), "1");
  EXPECT_EQ(Ask(Backups()[0], "SELECT count(*) FROM run"), Ask(path_, "SELECT count(*) FROM run"));
  EXPECT_TRUE(Migrate(path_).ok()) << "a later, correct program can migrate it";
}

TEST_F(MigrateTest, TwoProcessesAtOnceDoNotClash) {
  MakeVersion1();
  const std::string runs = Ask(path_, "SELECT count(*) FROM run");
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(fork());
    ASSERT_GE(children.back(), 0);
    if (children.back() == 0) {
      const auto result = Migrate(path_);
      // 1: it was this process; 0: another one.
      _exit(!result.ok() ? 2 : result->backup.empty() ? 0 : 1);
    }
  }
  int migrated = 0;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_LE(WEXITSTATUS(status), 1);
    migrated += WEXITSTATUS(status);
  }
  EXPECT_EQ(migrated, 1);
  EXPECT_EQ(Backups().size(), 1u);
  EXPECT_EQ(Ask(path_, "PRAGMA user_version"), std::to_string(kSchemaVersion));
  EXPECT_EQ(Ask(path_, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Ask(path_, "SELECT count(*) FROM run"), runs);
}

TEST_F(MigrateTest, AFileThatAnotherProcessHasOpenIsLeftAlone) {
  MakeVersion1();
  const std::string sha256 = Sha256FileHex(path_).value();
  MigrateOptions options;
  options.busy_timeout = std::chrono::milliseconds(50);
  {
    SQLite::Database other(path_, SQLite::OPEN_READWRITE);
    other.execAndGet("SELECT count(*) FROM run");
    const auto result = Migrate(path_, options);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted) << result.status();
    EXPECT_TRUE(Mentions(result.status(), "another process holds the file")) << result.status();
    EXPECT_TRUE(Backups().empty());
  }
  ExpectUntouched(sha256);
}

TEST_F(MigrateTest, AnOlderFileIsRefusedUnchangedByEverythingElse) {
  MakeVersion1();
  const std::string sha256 = Sha256FileHex(path_).value();
  for (const absl::Status& status :
       {ResultsStore::Open(path_).status(), ResultsReader::Open(path_).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_TRUE(Mentions(status, path_) && Mentions(status, "schema 1") &&
                Mentions(status, "run hourglass db migrate " + path_))
        << status;
  }
  ExpectUntouched(sha256);
  EXPECT_TRUE(Backups().empty());
}

TEST_F(MigrateTest, ANewerFileIsRefusedUnchanged) {
  FillSample(path_);
  Execute(path_, "PRAGMA user_version = 99");
  const std::string sha256 = Sha256FileHex(path_).value();
  const absl::Status status = Migrate(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Mentions(status, "update the program")) << status;
  ExpectUntouched(sha256);
}

TEST_F(MigrateTest, WhatIsNoDatabaseOfOursIsRefusedUnchanged) {
  EXPECT_EQ(Migrate(path_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(Migrate(folder_).status().code(), absl::StatusCode::kPermissionDenied);
  Execute(path_, "CREATE TABLE diary(text)");
  std::string sha256 = Sha256FileHex(path_).value();
  EXPECT_EQ(Migrate(path_).status().code(), absl::StatusCode::kDataLoss);
  ExpectUntouched(sha256);
  for (const std::string& bytes : {std::string(), std::string(5000, 'x')}) {
    ASSERT_TRUE(WriteFileAtomically(path_, bytes).ok());
    sha256 = Sha256FileHex(path_).value();
    EXPECT_EQ(Migrate(path_).status().code(), absl::StatusCode::kDataLoss);
    ExpectUntouched(sha256);
  }
  EXPECT_TRUE(Backups().empty());
}

TEST_F(MigrateTest, AFullDiskLeavesTheFileAsItWasAndNoHalfBackup) {
  MakeVersion1();
  const std::string sha256 = Sha256FileHex(path_).value();
  const auto size = std::filesystem::file_size(path_);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {size / 2, size / 2};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(3);
    const absl::Status status = Migrate(path_).status();
    _exit(status.code() == absl::StatusCode::kResourceExhausted && Mentions(status, "backing up")
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(Backups().empty());
  ExpectUntouched(sha256);
}

}  // namespace
}  // namespace hourglass::results
