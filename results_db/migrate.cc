#include "results_db/migrate.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/status.h"
#include "results_db/database.h"

namespace hourglass::results {
namespace {

using Connection = std::unique_ptr<SQLite::Database>;

Connection Connect(const std::string& path, std::chrono::milliseconds busy_timeout) {
  return std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE,
                                            static_cast<int>(busy_timeout.count()));
}

// Inside a transaction of the only connection to the file, and alone until it is closed. A
// connection that fails to become the only one keeps its shared lock, and two of them would wait
// for each other for ever: so it is closed, and tried again after a pause that differs between
// processes.
Connection ConnectAlone(const std::string& path, std::chrono::milliseconds busy_timeout) {
  const auto deadline = std::chrono::steady_clock::now() + busy_timeout;
  for (int attempt = 1;; ++attempt) {
    try {
      Connection db = Connect(path, std::chrono::milliseconds(0));
      db->exec("PRAGMA locking_mode = EXCLUSIVE");
      db->exec("BEGIN EXCLUSIVE");
      return db;
    } catch (const SQLite::Exception& error) {
      const bool busy = error.getErrorCode() == SQLITE_BUSY;
      if (!busy || std::chrono::steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + (getpid() * attempt) % 23));
  }
}

// The version of a file that is ours and not newer than `newest`.
absl::StatusOr<int> VersionOf(SQLite::Database& db, const std::string& path, int newest) {
  const Identity identity = ReadIdentity(db);
  HG_RETURN_IF_ERROR(CheckOurs(path, identity, newest));
  return identity.user_version;
}

std::string BackupPath(const std::string& path, int version, std::string time) {
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return absl::StrCat(path, ".backup-v", version, "-", time);
}

absl::Status Backup(SQLite::Database& db, const std::string& path, const std::string& backup) {
  std::error_code ignored;
  if (std::filesystem::exists(backup, ignored)) {
    return absl::AbortedError(absl::StrCat(backup, ": exists already; try again"));
  }
  try {
    SQLite::Statement copy(db, "VACUUM INTO ?");
    copy.bind(1, backup);
    copy.exec();
    SQLite::Database written(backup, SQLite::OPEN_READONLY);
    const std::string verdict = written.execAndGet("PRAGMA quick_check").getString();
    if (verdict == "ok") return absl::OkStatus();
    std::filesystem::remove(backup, ignored);
    return absl::DataLossError(absl::StrCat(path, ": its copy is damaged (", verdict,
                                            "), so nothing was changed; run `hourglass db ",
                                            "check ", path, "`"));
  } catch (const SQLite::Exception& error) {
    // An incomplete copy must not be taken for a backup.
    std::filesystem::remove(backup, ignored);
    std::filesystem::remove(backup + "-journal", ignored);
    return FromException(path, absl::StrCat("backing up to ", backup), error);
  }
}

absl::Status Apply(SQLite::Database& db, const std::string& path, int from,
                   const MigrateOptions& options, const std::string& now) {
  return InTransaction(db, path, "migrating (nothing was changed)", [&]() -> absl::Status {
    for (const Migration& migration : options.migrations) {
      if (migration.version > from) ApplyMigration(db, migration, now);
    }
    return absl::OkStatus();
  });
}

}  // namespace

absl::StatusOr<MigrateResult> Migrate(const std::string& path, const MigrateOptions& options) {
  HG_RETURN_IF_ERROR(CheckExists(path));
  const std::string now = options.now ? options.now() : UtcNowIso8601();
  MigrateResult result;
  result.to = options.migrations.back().version;
  try {
    HG_ASSIGN_OR_RETURN(result.from,
                        VersionOf(*Connect(path, options.busy_timeout), path, result.to));
    if (result.from == result.to) return result;
    // Alone, so that no row can be written between the copy and the change, and no program of the
    // old schema is left behind with the file open.
    const Connection db = ConnectAlone(path, options.busy_timeout);
    const absl::StatusOr<int> version = VersionOf(*db, path, result.to);
    db->exec("COMMIT");
    db->exec("PRAGMA synchronous = FULL");
    HG_RETURN_IF_ERROR(version.status());
    result.from = *version;
    if (result.from == result.to) return result;  // another process was faster
    const std::string backup = BackupPath(path, result.from, now);
    HG_RETURN_IF_ERROR(Backup(*db, path, backup));
    HG_RETURN_IF_ERROR(Apply(*db, path, result.from, options, now));
    result.backup = backup;
    return result;
  } catch (const SQLite::Exception& error) {
    return FromException(path, "migrating", error);
  }
}

}  // namespace hourglass::results
