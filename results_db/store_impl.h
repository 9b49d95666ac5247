// The inside of ResultsStore, shared by the files that implement it: store.cc (opening, looking up,
// beginning a run), store_content.cc (rows known by their content), store_samples.cc (what a
// running run adds), store_end.cc (ending it).
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results_db/database.h"
#include "results_db/store.h"

namespace hourglass::results {

struct PendingSample {
  double value = 0;
  std::optional<int64_t> flops;
  std::optional<int64_t> wall_ns;
};

// Which file a path names.
using FileNumber = std::pair<dev_t, ino_t>;

// (run, metric id, step): the primary key of a point, in the order rows are written.
using PointKey = std::tuple<std::string, int64_t, int64_t>;

struct ResultsStore::Impl {
  std::string path;
  StoreOptions options;
  int64_t wait_start_ns = 0;
  std::unique_ptr<SQLite::Database> db;
  FileNumber file;
  std::map<std::string, int64_t, std::less<>> metric_ids;  // newest definition of each
  std::map<PointKey, PendingSample> pending;
  std::vector<std::pair<std::string, Timing>> pending_timings;  // with their run
  int64_t last_commit_ns = 0;

  // In the place of SQLite's own time-out, which waits in silence.
  static int OnBusy(void* context, int tries);
  std::string Now() const;
  absl::Status LoadMetricIds();
  absl::StatusOr<int64_t> MetricId(std::string_view name) const;
  absl::Status CheckRunning(std::string_view run_id);
  // SQLite writes on into a file that has lost its name, and reports success.
  absl::Status CheckStillThere() const;

  // The bits already known for a point, pending or stored.
  std::optional<int64_t> KnownBits(const PointKey& key, SQLite::Statement& find);
  // Adds to `fresh` the samples that are not known yet.
  absl::Status Collect(std::string_view run_id, std::span<const Sample> samples,
                       std::map<PointKey, PendingSample>& fresh);
  absl::Status Flush();
  absl::Status FlushIfDue();

  // Inside a transaction; SQLite's exceptions pass through.
  void WritePending();
  void WritePendingTimings();
  absl::Status WriteBlocks(std::string_view run_id, std::span<const EvalBlock> blocks);
  absl::Status WriteSummaries(std::string_view run_id, std::span<const Summary> summaries);
  void WriteSummary(std::string_view run_id, int64_t metric, std::string_view agg, double value,
                    const std::optional<double>& ci_lo, const std::optional<double>& ci_hi,
                    int64_t n);
  void SummariseCurves(std::string_view run_id);
  std::string MergedWarnings(std::string_view run_id, const std::vector<std::string>& added);
  void WriteOutcome(std::string_view run_id, const Outcome& outcome);
  void SealRows(std::string_view run_id);
  void Finish(std::string_view run_id, RunStatus status);
};

}  // namespace hourglass::results
