// Opening a results file and turning SQLite's errors into Status: shared by store and query, and
// the border at which the library's exceptions stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results_db/migrate.h"

namespace hourglass::results {

// What the head of a file says it is.
struct Identity {
  int application_id = 0;
  int user_version = 0;
  int objects = 0;
};
Identity ReadIdentity(SQLite::Database& db);

// DataLoss unless it is a results database of a schema between 1 and `newest`.
absl::Status CheckOurs(const std::string& path, const Identity& identity, int newest);

// NotFound without the file, PermissionDenied for a folder.
absl::Status CheckExists(const std::string& path);

// Executes the migration and writes its row of schema_migration. Inside a transaction; throws.
void ApplyMigration(SQLite::Database& db, const Migration& migration, const std::string& now);

// "<path>: <what>: <SQLite's message>" with the code of store.h and what to do about it.
absl::Status FromException(const std::string& path, std::string_view what,
                           const SQLite::Exception& error);

// Opens for writing, creating the schema in a new file.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForWriting(
    const std::string& path, std::chrono::milliseconds busy_timeout, const std::string& now);

// Opens for reading and starts the one read transaction of the connection: a consistent snapshot.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForReading(const std::string& path);

// Runs `body` (returning absl::Status) inside BEGIN IMMEDIATE ... COMMIT; rolls back on any error.
template <typename Body>
absl::Status InTransaction(SQLite::Database& db, const std::string& path, std::string_view what,
                           Body&& body) {
  try {
    db.exec("BEGIN IMMEDIATE");
    absl::Status status;
    try {
      status = body();
      if (status.ok()) {
        db.exec("COMMIT");
        return status;
      }
    } catch (const SQLite::Exception& error) {
      status = FromException(path, what, error);
    }
    // SQLite has already rolled back after a full disk, for instance; then this fails harmlessly.
    db.tryExec("ROLLBACK");
    return status;
  } catch (const SQLite::Exception& error) {
    return FromException(path, what, error);
  }
}

// In a statement whose ?1 is a run and ?2 the name of a metric: the id of the metric's newest
// definition that the run has points of.
inline constexpr char kMetricOfRun[] =
    "(SELECT m.id FROM metric m WHERE m.name = ?2 AND EXISTS"
    " (SELECT 1 FROM point p WHERE p.run = ?1 AND p.metric = m.id)"
    " ORDER BY m.definition_version DESC LIMIT 1)";

// A double to and from the signed 64-bit integer of its bits.
int64_t BitsOf(double value);
double FromBits(int64_t bits);

void BindText(SQLite::Statement& statement, int index, std::string_view text);
void BindOptional(SQLite::Statement& statement, int index, const std::optional<int64_t>& value);
// Empty text is stored as NULL.
void BindTextOrNull(SQLite::Statement& statement, int index, std::string_view text);

}  // namespace hourglass::results
