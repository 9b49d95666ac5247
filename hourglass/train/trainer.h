#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/data/dataset.h"
#include "hourglass/model/language_model.h"
#include "hourglass/runtime/program.h"
#include "hourglass/runtime/state.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/price.h"
#include "hourglass/train/recompute.h"
#include "hourglass/train/schedule.h"

namespace hourglass {

struct TrainSettings {
  int64_t batch = 8;          // sequences per step
  int64_t micro_batches = 1;  // parts a step is computed in; must divide batch
  int64_t length = 2048;      // tokens per sequence
  Schedule schedule;
  AdamSettings adam;
  uint64_t data_seed = 0;     // which sequences are drawn
  uint64_t init_seed = 0;     // starting parameters
  uint64_t dropout_seed = 0;  // dropout masks
  DType dtype = DType::kF32;
  RecomputeSettings recompute;

  // InvalidArgument naming the field.
  absl::Status Validate() const;
};

struct StepResult {
  int64_t step = 0;            // from 1
  double loss = 0.0;           // nats per counted token, before the update
  double bits_per_byte = 0.0;  // loss / ln 2
  double gradient_norm = 0.0;  // of all parameters together, before clipping
  double rate = 0.0;           // learning rate of this step
  double seconds = 0.0;        // wall time, data included
  bool diverged = false;       // loss or norm is not finite: nothing was changed
};

// One training step and, of that, what the paper's cost columns name. FLOPs of all micro-batches of
// a step together, without the optimizer.
struct StepCost {
  int64_t needed_flops = 0;
  int64_t dense_flops = 0;
  int64_t dense_trax_flops = 0;
  int64_t recompute_flops = 0;  // rebuilding what was not kept; executed, but not model FLOPs
  int64_t executed_flops = 0;
  int64_t executed_forward_flops = 0;  // the part of executed_flops before the backward pass
};

// A model in training on one backend. Not thread-safe. Everything is a pure function of model,
// data, settings, backend and thread count: two trainers with equal ones make equal bits.
class Trainer {
 public:
  // Compiles both Programs and initialises the parameters. All errors of settings, model, backend
  // and data are found here; InvalidArgument also if the data has more tokens than the model's
  // vocabulary.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(std::shared_ptr<const LanguageModel> model,
                                                         std::shared_ptr<Backend> backend,
                                                         std::shared_ptr<const Dataset> data,
                                                         const TrainSettings& settings);

  // One step on sequences (step - 1) * batch .. step * batch - 1 of the data. After a diverged step
  // the parameters, moments and step count are those before it.
  absl::StatusOr<StepResult> Step();
  // The same on given tokens [batch, length].
  absl::StatusOr<StepResult> StepOn(const int32_t* tokens);

  // Steps taken so far, as the optimizer counts them.
  int64_t step() const { return step_; }
  const TrainSettings& settings() const { return settings_; }
  const LanguageModel& model() const { return *model_; }
  std::shared_ptr<const LanguageModel> shared_model() const { return model_; }
  const ParameterTable& parameters() const { return parameters_; }
  std::shared_ptr<State> state() const { return state_; }
  std::shared_ptr<Backend> backend() const { return backend_; }

  StepCost CostPerStep() const;
  // Memory planned before the first step: State and both Programs, workspaces included.
  int64_t PlannedBytes() const;
  // Names of what is recomputed (train/recompute.h).
  const std::vector<std::string>& recomputed() const { return recomputed_; }
  Program& accumulate_program() { return *accumulate_; }
  Program& update_program() { return *update_; }

  // Writes parameters, moments, step, settings and `metadata` (train/checkpoint.h), replacing the
  // file atomically.
  absl::Status Save(const std::string& path,
                    const std::map<std::string, std::string>& metadata = {}) const;
  // Takes over a saved state, so that this trainer goes on exactly as the saved one would have.
  // Errors as LoadCheckpoint; FailedPrecondition naming the setting if one that counts differs.
  absl::Status Restore(const std::string& path);

 private:
  Trainer() = default;
  absl::Status Compile();
  // Writes the gradient of the whole step into the State, returns its loss.
  absl::StatusOr<double> Accumulate(const int32_t* tokens);
  absl::StatusOr<double> RunMicroBatch(int64_t micro, const int32_t* tokens, double weight);
  // Share of each micro-batch in the loss: of its counted tokens among those of the step.
  std::vector<double> MicroBatchWeights(const int32_t* tokens) const;
  // Returns the gradient norm.
  absl::StatusOr<double> Update(double rate);

  std::shared_ptr<const LanguageModel> model_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const Dataset> data_;
  TrainSettings settings_;
  ParameterTable parameters_;
  std::shared_ptr<State> state_;
  std::unique_ptr<Program> accumulate_, update_;
  int forward_nodes_ = 0;
  std::vector<std::string> recomputed_;
  int64_t step_ = 0;
  std::vector<int32_t> tokens_;  // [batch, length]
};

}  // namespace hourglass
