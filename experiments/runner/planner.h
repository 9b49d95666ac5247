#pragma once
// What an experiment costs, from recorded graphs alone: nothing is compiled, allocated or run.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/model/language_model.h"
#include "hourglass/train/trainer.h"
#include "results_db/rows.h"

namespace hourglass {

// FLOPs of the three names (flops-v1) of one optimizer step; dense_trax at the paper's batch of 8.
struct FlopNames {
  int64_t needed = 0;
  int64_t dense = 0;
  int64_t dense_trax = 0;  // of one forward or training pass over 8 sequences
};

// One cell at one budget.
struct CellPlan {
  specs::Cell cell;
  ModelConfig config;
  std::shared_ptr<const LanguageModel> model;
  int64_t parameters = 0;
  int64_t steps = 0;            // optimizer steps: the budget
  int64_t batch = 0;            // sequences per optimizer step: of `needed` and `dense`
  int64_t length = 0;           // predicted bytes per sequence
  FlopNames forward, training;  // training = forward + backward, no update
  int64_t elementwise = 0;      // per optimizer step
  int64_t recompute = 0;
  int64_t update = 0;                   // the optimizer
  int64_t state_bytes = 0;              // parameters, gradients, moments
  int64_t planned_bytes = 0;            // state and all blocks, workspaces of kernels apart
  std::vector<std::string> recomputed;  // so that it is no more (train/recompute.h)
  std::optional<double> mismatch;       // needed training FLOPs per byte against the reference, - 1

  double PerByte(int64_t step_flops) const {
    return static_cast<double>(step_flops) / static_cast<double>(batch * length);
  }
  double TraxPerByte(int64_t flops) const {
    return static_cast<double>(flops) / static_cast<double>(kTraxBatch * length);
  }
  static constexpr int64_t kTraxBatch = 8;
};

// Plans every cell of a resolved experiment, all at the smallest budget, then all at the next.
// Errors name the cell.
absl::StatusOr<std::vector<CellPlan>> PlanExperiment(const specs::Experiment& spec);

// Columns that the longest label takes, for tables.
int LabelWidth(const std::vector<CellPlan>& plans);

// Their training lengths: "768", "512 to 8192". At least one plan.
std::string LengthNames(const std::vector<CellPlan>& plans);

// InvalidArgument naming the cells whose mismatch is above the spec's tolerance.
absl::Status CheckMatch(const specs::Experiment& spec, const std::vector<CellPlan>& plans);

// Settings of a trainer of so many steps on sequences of so many bytes, but for its seeds.
absl::StatusOr<TrainSettings> TrainSettingsOf(const specs::Experiment& spec, int64_t steps,
                                              int64_t length);

// Model, data, training and evaluation settings of a cell as JSON with sorted keys, without seeds:
// what "the same configuration" means.
std::string CanonicalJson(const specs::Experiment& spec, const CellPlan& plan);

// The configuration row of the results database.
results::Config ConfigRow(const specs::Experiment& spec, const CellPlan& plan);

}  // namespace hourglass
