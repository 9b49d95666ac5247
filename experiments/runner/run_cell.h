#pragma once
// One run: a model, a seed, a budget.

#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  std::string valid_dataset;    // id of its row
  std::string checkpoint_path;  // empty: none is written
  bool store_timings = true;
  std::function<bool()> stop;
  // (steps done, text) after every step and evaluation.
  std::function<void(int64_t step, const std::string& status)> progress;
};

struct CellResult {
  results::Outcome outcome;
  std::optional<double> bits_per_byte;
  double train_seconds = 0;
};

// Trains and evaluates, appending rows to the running run `run_id` of the store; ending the run is
// left to the caller. The outcome's status is kOk, kDiverged or kKilled.
absl::StatusOr<CellResult> TrainCell(const CellRun& cell, results::ResultsStore& store,
                                     const std::string& run_id);

}  // namespace hourglass
