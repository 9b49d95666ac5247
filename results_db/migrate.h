// Schema versions: the numbered files of results_db/schema, forward only. A new file gets all of
// them; an older file gets the missing ones here and nowhere else.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hourglass::results {

struct Migration {
  int version;            // 1, 2, 3, ...; the SQL sets PRAGMA user_version to it
  std::string_view name;  // "001_init"
  std::string_view sql;   // the file, byte for byte
};

// All of this program, in order; the last is kSchemaVersion.
std::span<const Migration> Migrations();

struct MigrateOptions {
  std::chrono::milliseconds busy_timeout{30000};
  std::function<std::string()> now;                      // as StoreOptions::now
  std::span<const Migration> migrations = Migrations();  // replaced by tests
};

struct MigrateResult {
  int from = 0;
  int to = 0;
  std::string backup;  // path of the copy made before; empty when there was nothing to do
};

// Brings an existing file to the newest schema. Waits until no other process has the file open,
// then copies it to `PATH.backup-v<from>-<time>` (VACUUM INTO) and applies all missing migrations
// in one transaction: afterwards the file is of the newest schema or unchanged byte for byte. The
// backup stays in both cases. Errors as ResultsStore::Open; NotFound when there is no file.
absl::StatusOr<MigrateResult> Migrate(const std::string& path, const MigrateOptions& options = {});

}  // namespace hourglass::results
