// The read side of the results store: typed, sorted, deterministic. Reports and the CLI read
// through it and never write. Every list is sorted by content, never by rowid or by the order of
// insertion.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "results_db/rows.h"
#include "results_db/views.h"

namespace hourglass::results {

struct ExperimentRecord {
  std::string id;
  std::string spec_sha256;
  Experiment row;
  int64_t n_runs = 0;
  std::string newest_run;  // ULID; empty when there are no runs
};

struct SummaryRecord {
  std::optional<double> value;  // empty: NaN
  std::optional<double> ci_lo;
  std::optional<double> ci_hi;
  int64_t n = 0;
};

// One run with everything it points at.
struct RunRecord {
  std::string id;
  std::string cell_id, config_id, build_id, source_rev_id, host_id;
  Run run;
  int64_t attempt = 0;
  RunStatus status = RunStatus::kRunning;
  std::optional<int64_t> exit_code;
  bool is_primary = false;  // the earliest `ok` run of its (cell, build, host)
  Outcome outcome;          // fields not yet known are empty
  std::string started_at, heartbeat_at, ended_at;
  std::string row_sha256;
  Cell cell;
  Config config;
  Build build;
  SourceRev source;  // `diff` is left out: see diff_sha256
  std::string diff_sha256;
  Host host;
  Dataset train;
  std::optional<Dataset> valid;
  // metric -> agg -> value
  std::map<std::string, std::map<std::string, SummaryRecord>, std::less<>> summaries;

  // Needed training FLOPs of one optimizer step: forward and backward, `config.batch` sequences.
  int64_t NeededStepFlops() const { return config.flops_fwd_needed + config.flops_bwd_needed; }
  int64_t DenseStepFlops() const { return config.flops_fwd_dense + config.flops_bwd_dense; }
  int64_t UnitsPerStep() const { return config.batch * config.units_per_sequence; }

  // The summary `agg` of `metric`; empty when missing or NaN.
  std::optional<double> Value(std::string_view metric, std::string_view agg) const;
};

// A statement of a publication with its newest verdict.
struct ClaimRecord {
  std::string id, paper, locator, statement, kind, scope;
  double margin = 0;
  std::string margin_reason;
  std::string outcome;  // "not run" where there is no verdict
  std::optional<double> estimate, ci_lo, ci_hi;
  std::optional<int64_t> n_a, n_b;
  std::string method, made_at;
};

struct CurvePoint {
  int64_t step = 0;
  double value = 0;  // from the stored bits, so NaN comes back as NaN
  std::optional<int64_t> flops;
  std::optional<int64_t> wall_ns;
};

// Something that a person can name by its id.
struct ObjectName {
  std::string kind;  // "run", "cell" or "experiment"
  std::string id;
  std::string label;  // what it is, in a few words
};

class ResultsReader {
 public:
  // Opens read-only. NotFound when there is no file; otherwise errors as ResultsStore::Open.
  static absl::StatusOr<std::unique_ptr<ResultsReader>> Open(const std::string& path);
  ~ResultsReader();
  ResultsReader(const ResultsReader&) = delete;
  ResultsReader& operator=(const ResultsReader&) = delete;

  // By slug, then newest run first, then id.
  absl::StatusOr<std::vector<ExperimentRecord>> Experiments();

  // Runs of one experiment id, by family (vanilla first), needed training FLOPs, label, replica,
  // seed, run id.
  absl::StatusOr<std::vector<RunRecord>> Runs(std::string_view experiment_id);

  // One run by its id; NotFound otherwise.
  absl::StatusOr<RunRecord> FindRun(std::string_view run_id);

  // In step order; empty when the run has no such samples.
  absl::StatusOr<std::vector<CurvePoint>> Curve(std::string_view run_id, std::string_view metric);

  // The same, with the points of the runs it resumes that lie before its own first one.
  absl::StatusOr<std::vector<CurvePoint>> WholeCurve(std::string_view run_id,
                                                     std::string_view metric);

  // By id.
  absl::StatusOr<std::vector<ClaimRecord>> Claims();

  // In (dataset, protocol, step, block) order.
  absl::StatusOr<std::vector<EvalBlock>> EvalBlocks(std::string_view run_id);

  // In (bench, round, arm, ord) order.
  absl::StatusOr<std::vector<Timing>> Timings(std::string_view run_id);

  // Runs, cells and experiments whose id starts with `prefix` (ULIDs in either case), and
  // experiments of that name; by kind, then id. An id of another kind of row is not looked for.
  absl::StatusOr<std::vector<ObjectName>> FindObjects(std::string_view prefix);

  // Column names of a public view, and its rows; InvalidArgument for another name or column.
  absl::StatusOr<std::vector<std::string>> ViewColumns(std::string_view view);
  absl::Status ScanView(std::string_view view, const std::optional<ViewFilter>& filter,
                        const ViewRowFn& on_row);

  // SHA-256 over every row of every table in order: equal content gives an equal hash, whatever the
  // file's bytes, page order or write-ahead log.
  absl::StatusOr<std::string> ContentSha256();

 private:
  struct Impl;
  explicit ResultsReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hourglass::results
