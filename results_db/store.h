// The results store: one SQLite file, append-only, complete at every commit. This is its write
// side; query.h reads.
//
// Typical use:
//   HG_ASSIGN_OR_RETURN(std::unique_ptr<ResultsStore> store, ResultsStore::Open("results.db"));
//   HG_ASSIGN_OR_RETURN(run.cell, store->Upsert(cell));           // and build, host, ...
//   HG_ASSIGN_OR_RETURN(std::optional<std::string> done, store->FindOkRun(run.cell));
//   HG_ASSIGN_OR_RETURN(std::string id, store->BeginRun(run));
//   ... HG_RETURN_IF_ERROR(store->Append(id, samples)); ...       // after every step
//   HG_RETURN_IF_ERROR(store->EndRun(id, outcome));
//
// Durability: samples and timings are buffered and committed by the first Append at least a second
// after the last commit, so a killed process loses at most about one second of rows and leaves its
// run `running`. Everything else commits at once.
//
// Going on with such a run: FindOpenRuns names it. What is appended again is skipped if it has the
// bits that are stored; other bits are AlreadyExists.
//
// A store has one connection and is not thread-safe; several stores (processes) may have the same
// file open, on one host and not on a network file system, and take turns.
//
// Errors, with the path and what to do in the message:
//   DataLoss            not a database, another program's, damaged, or of another schema version
//   PermissionDenied    the file or its folder cannot be read or written, or the file was removed
//                       or replaced since it was opened
//   ResourceExhausted   disk full
//   Aborted             locked by another process for longer than the time-out: try again
//   InvalidArgument     a row that breaks a rule of the schema, such as an unknown metric or id
//   FailedPrecondition  a promise broken by order: a final run changed, `ok` without provenance
//   AlreadyExists       another value for the same key, such as (run, metric, step)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results_db/metrics.h"
#include "results_db/rows.h"

namespace hourglass::results {

inline constexpr int kApplicationId = 1212632147;  // 'HGLS'
inline constexpr int kSchemaVersion = 2;

struct StoreOptions {
  std::chrono::milliseconds busy_timeout{30000};
  // Told when another process holds the file, at once and before every wait for it.
  std::function<void()> on_wait;
  std::chrono::milliseconds commit_interval{1000};  // 0: every Append commits
  // Replaced by tests that need the same file twice; empty means the real clock and fresh ULIDs.
  std::function<std::string()> now;  // ISO-8601 UTC, microseconds
  std::function<std::string()> new_run_id;
};

class ResultsStore {
 public:
  // Opens `path` for writing; creates it, but not its folder, when it does not exist or is empty.
  static absl::StatusOr<std::unique_ptr<ResultsStore>> Open(const std::string& path,
                                                            const StoreOptions& options = {});

  // Commits what is buffered; errors are lost here, so call Flush or EndRun first. Runs that were
  // not ended stay `running`.
  ~ResultsStore();
  ResultsStore(const ResultsStore&) = delete;
  ResultsStore& operator=(const ResultsStore&) = delete;

  // Write the row unless it is there already; return its id (RowId).
  absl::StatusOr<std::string> Upsert(const SourceRev& row);
  absl::StatusOr<std::string> Upsert(const Build& row);
  absl::StatusOr<std::string> Upsert(const Host& row);
  absl::StatusOr<std::string> Upsert(const Dataset& row);
  absl::StatusOr<std::string> Upsert(const Config& row);
  absl::StatusOr<std::string> Upsert(const Experiment& row);
  absl::StatusOr<std::string> Upsert(const Cell& row);

  // The earliest `ok` run of the cell: it is already done. Empty: it is not.
  absl::StatusOr<std::optional<std::string>> FindOkRun(std::string_view cell_id);

  // Runs of the cell that are `running`, by id. Without their processes they can go on or be ended.
  absl::StatusOr<std::vector<OpenRun>> FindOpenRuns(std::string_view cell_id);

  // Starts a run and returns its ULID. The attempt is one more than the cell's last.
  absl::StatusOr<std::string> BeginRun(const Run& run);

  // Appends samples of a running run. A sample whose (run, metric, step) is stored with the same
  // bits is skipped. A refused batch (unknown metric, unknown or ended run, another value at the
  // same step) leaves no row behind.
  absl::Status Append(std::string_view run_id, std::span<const Sample> samples);
  absl::Status AppendEvalBlocks(std::string_view run_id, std::span<const EvalBlock> blocks);
  // No two are alike, so of a key that is stored the first stays.
  absl::Status AppendTimings(std::string_view run_id, std::span<const Timing> timings);
  absl::Status AddSummary(std::string_view run_id, const Summary& summary);
  // Adds to the warnings of a running run.
  absl::Status AddWarning(std::string_view run_id, const std::string& warning);

  // Samples of a metric that are committed, from step 1 to `last_step`.
  absl::StatusOr<int64_t> CountSamples(std::string_view run_id, std::string_view metric,
                                       int64_t last_step);

  // Commits buffered samples and timings now.
  absl::Status Flush();

  // Ends a run for good: commits its samples, writes `summaries` and `blocks`, the summaries
  // `last`, `best`, `mean` and `median` of every metric, the trace hash (SHA-256 over the
  // little-endian pairs step int64, bits of train_loss_nats, in step order) and the row's own hash.
  // All but the samples in one transaction: on error, or killed within, the run is still `running`
  // without them.
  absl::Status EndRun(std::string_view run_id, const Outcome& outcome,
                      std::span<const Summary> summaries = {},
                      std::span<const EvalBlock> blocks = {});

  // The path given to Open.
  const std::string& path() const;

 private:
  struct Impl;
  explicit ResultsStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hourglass::results
