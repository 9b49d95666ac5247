#pragma once
// Runs the cells of an experiment and writes every fact about them into the results database.

#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/sweep_plan.h"
#include "experiments/specs/spec.pb.h"
#include "results_db/store.h"

namespace hourglass {

struct RunOptions {
  std::string database;  // path; its folder is created
  std::string command;   // what to type to run the experiment again
  std::vector<std::string> argv;
  SourceStamp stamp;
  int threads = 0;  // 0: as many as there are cores
  // Run although the program was built from files that are not in a commit.
  bool allow_dirty = false;
  bool force = false;       // run finished cells again, as new attempts
  bool checkpoints = true;  // RUN.safetensors beside the database
  // Least time between two of them; saving never takes more than about a twentieth of the time.
  double checkpoint_seconds = 1;
  Selection selection;  // what part of the experiment
  // Asked between steps and between windows of an evaluation: save and end now.
  std::function<bool()> stop;
  std::ostream* log = nullptr;  // progress and warnings
  ProgressOptions progress;
  std::optional<int64_t> available_bytes;  // of memory; empty: as many as the system says
  // How long another program may hold the database.
  std::chrono::milliseconds busy_timeout = results::StoreOptions().busy_timeout;
};

struct CellOutcome {
  std::string label;
  int64_t budget = 0;  // steps
  int64_t replica = 0;
  std::string run_id;
  // "ok", "diverged", "interrupted"; not run: "already done", "diverged before"
  std::string status;
  std::optional<double> bits_per_byte;  // on validation, at the end
  std::optional<double> test_bits_per_byte;
  double train_seconds = 0;
  int64_t steps_done = 0;
};

struct RunSummary {
  std::string experiment_id;
  std::vector<CellOutcome> cells;  // in the order they ran
  // 18 if a run diverged, now or before, 130 if stopped, else 0.
  ExitCode exit_code = kExitOk;
};

// Replica by replica and the smaller budget first, so that a sweep that is cut short holds whole
// pairs. A cell with a run that is `ok` is not run again, and neither is one whose last run of this
// program, machine and number of threads diverged: these decide the bits.
//
// A run that was cut off, by a signal, a kill or the power, is `running`
// in the database and goes on from its checkpoint, with the same ULID and to the same bits; if the
// program, the machine or the number of threads is another one, it is ended as `killed` and the
// cell starts anew. One process at a time works on a database (RunLock). A run whose loss is not
// finite, or beyond ten times that of guessing, ends as `diverged` with its rows kept, and the
// sweep goes on. InvalidArgument before anything is written if a cell's plan needs more memory than
// there is. Errors of a cell end its run as `failed` or `unsupported` and the sweep with it;
// errors of disk or database leave it `running`.
absl::StatusOr<RunSummary> RunExperiment(const specs::Experiment& spec, const RunOptions& options);

}  // namespace hourglass
