#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/op.h"
#include "hourglass/model/language_model.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/recompute.h"

namespace hourglass {

// What one micro-batch of training costs, from the recorded graph alone: nothing is compiled or
// run. Convention flops-v1 (spec/harness.md section 3): all counts are for the whole batch of
// `shape`; predicted tokens are batch * length.
struct TrainingPrice {
  int64_t parameters = 0;
  Cost forward;
  Cost backward;              // gradients and their accumulation
  Cost update;                // once per step, not per micro-batch
  int64_t state_bytes = 0;    // parameters, gradients, Adam moments
  int64_t planned_bytes = 0;  // state plus all blocks of both Programs, workspaces of kernels apart
  std::vector<std::string> recomputed;

  // Training FLOPs (forward and backward, no update) of one micro-batch.
  int64_t NeededFlops() const { return forward.needed + backward.needed; }
  int64_t DenseFlops() const { return forward.dense + backward.dense; }
  int64_t DenseTraxFlops() const { return forward.dense_trax + backward.dense_trax; }
};

// Costs are those of the model; recomputation changes the planned bytes alone. `backend` as for
// ApplyRecompute.
absl::StatusOr<TrainingPrice> PriceTraining(const LanguageModel& model, const StepShape& shape,
                                            const RecomputeSettings& recompute = {},
                                            Backend* backend = nullptr);

}  // namespace hourglass
