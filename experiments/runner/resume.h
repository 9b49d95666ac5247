#pragma once
// What it takes to go on with a run whose process was lost: which run, from where, and when to
// save.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "results_db/store.h"

namespace hourglass {

// What a run knows beside parameters, moments and step; kept in the metadata of its checkpoint.
struct RunProgress {
  double train_seconds = 0;
  double eval_seconds = 0;
  int64_t eval_bytes = 0;
  int64_t evaluated_step = 0;           // of the last evaluation that is stored
  std::optional<double> bits_per_byte;  // that it gave
};

std::map<std::string, std::string> ToMetadata(const RunProgress& progress);
// DataLoss if a value is missing or is no number.
absl::StatusOr<RunProgress> ProgressFromMetadata(
    const std::map<std::string, std::string>& metadata);

// When the next checkpoint is due: after `seconds`, and never so often that saving takes more than
// about a twentieth of the time.
class CheckpointClock {
 public:
  explicit CheckpointClock(double seconds);
  bool Due() const;
  // A save that began at `start` (MonotonicNanos) has ended.
  void Saved(int64_t start);

 private:
  int64_t interval_nanos_;
  int64_t last_nanos_;
  int64_t cost_nanos_ = 0;
};

// Whether the stored rows of a run reach up to a checkpoint: every step has its loss, and every
// evaluation up to `evaluated_step` its value. After a power failure they may not, and what is
// missing must then be computed again.
absl::StatusOr<bool> RowsReach(results::ResultsStore& store, const std::string& run_id,
                               int64_t step, int64_t evaluated_step, int64_t evaluate_every);

// A run that is about to start or to go on.
struct Attempt {
  std::string cell, build, host;  // row ids
  int64_t threads = 0;
  bool force = false;
};

// Looks at the unfinished runs of a cell. Returns the one to go on with, if there is one; every
// other is ended as `killed` with its reason, which `log` is told as well. A run can go on only
// with the program, machine and threads it was started with: they decide its bits.
absl::StatusOr<std::optional<std::string>> SettleUnfinished(
    results::ResultsStore& store, const Attempt& attempt,
    const std::function<void(const std::string& line)>& log);

// The last checkpoint of a run is written beside the one it replaces, and takes its place when the
// run has ended in the database. Publishing does nothing if there is none.
std::string FinalCheckpointPath(const std::string& path);
absl::Status PublishFinalCheckpoint(const std::string& path);

// Removes what writers of `path` left half-written when they were killed.
void RemoveHalfWritten(const std::string& path);

}  // namespace hourglass
