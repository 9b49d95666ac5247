#pragma once
// One run: a model, a seed, a budget.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/runner/planner.h"
#include "experiments/runner/seeds.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/data/byte_corpus.h"
#include "hourglass/runtime/backend.h"
#include "results_db/store.h"

namespace hourglass {

struct CellRun {
  const specs::Experiment* spec = nullptr;
  const CellPlan* plan = nullptr;
  Seeds seeds;
  std::shared_ptr<Backend> backend;
  std::shared_ptr<const ByteCorpus> corpus;
  std::string valid_dataset;      // id of its row
  std::string test_dataset;       // if the spec scores the test part
  std::string checkpoint_path;    // empty: none is written
  double checkpoint_seconds = 0;  // between two of them, see CheckpointClock
  bool store_timings = true;
  bool resume = false;         // the run was cut off: go on from its checkpoint or from the start
  std::function<bool()> stop;  // asked between steps and between windows of an evaluation
  // (steps done, text) after every step and evaluation.
  std::function<void(int64_t step, const std::string& status)> progress;
  // Where a run that was cut off goes on.
  std::function<void(int64_t step, const std::string& note)> resumed;
};

struct CellResult {
  // Not OK: the run was cut off and can go on later, Cancelled by `stop`, else by an error of disk
  // or database; `steps` are saved and everything below but the last two is empty.
  absl::Status cut_off;
  results::Outcome outcome;
  std::vector<results::Summary> summaries;  // for EndRun
  std::vector<results::EvalBlock> blocks;
  std::optional<double> bits_per_byte;       // on validation
  std::optional<double> test_bits_per_byte;  // by the test protocol
  double train_seconds = 0;
  int64_t steps = 0;
};

// Trains and evaluates, appending rows to the running run `run_id` of the store; ending the run is
// left to the caller, and so is the last checkpoint, which lies at FinalCheckpointPath. A run that
// goes on computes what was not saved again and ends with the same bits; a row that is stored with
// other bits is an Internal error. The outcome's status is kOk or kDiverged.
absl::StatusOr<CellResult> TrainCell(const CellRun& cell, results::ResultsStore& store,
                                     const std::string& run_id);

}  // namespace hourglass
