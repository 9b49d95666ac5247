// The hashes that seal a run: written when it ends, derived again by a check.
#pragma once

#include <string>
#include <string_view>

#include "SQLiteCpp/SQLiteCpp.h"
#include "results_db/rows.h"

namespace hourglass::results {

// SHA-256 over the little-endian pairs (step int64, bits int64) of train_loss_nats from step 1 on,
// in step order; empty when the run has no training loss. Of several definitions of the metric the
// newest with points counts. Throws SQLite::Exception, as do all helpers behind FromException.
std::string TraceSha256(SQLite::Database& db, std::string_view run_id);

// What was measured in a run, as one hash: SHA-256 over its rows of point, summary, timing and
// eval_block, metrics by name and definition, so that the ids of a file do not matter.
std::string RowsSha256(SQLite::Database& db, std::string_view run_id);

// The hash of its rows that a run was ended with, an `artifact` of this kind; empty for a run that
// has not ended or was ended by a program that did not write one.
inline constexpr char kRowsArtifact[] = "rows";
std::string SealedRowsSha256(SQLite::Database& db, std::string_view run_id);

// SHA-256 over the JSON array of the run's columns, row_sha256 left out, with `status` in the place
// of the stored one, and at the end the sealed hash of its rows if it has one. Empty when there is
// no such run.
std::string RunRowSha256(SQLite::Database& db, std::string_view run_id, RunStatus status);

}  // namespace hourglass::results
