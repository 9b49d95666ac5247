#pragma once
// Training is two Programs on one State: `accumulate` (forward, loss, backward, gradients +=) and
// `update` (gradient norm, Adam). Evaluation is a third. Programs of different hierarchy factors,
// batches and lengths may alternate on one State, for parameters do not depend on them.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"
#include "hourglass/model/language_model.h"
#include "hourglass/nn/parameter.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

// Arenas of a training State. A parameter lies in kParameterArena under its stored name; in each
// other arena it has a tensor "<prefix>/<stored name>" of the same shape.
inline constexpr char kParameterArena[] = "parameters";
inline constexpr char kGradientArena[] = "gradients";  // "gradient/<name>"
inline constexpr char kAdamMArena[] = "adam_m";        // "adam_m/<name>"
inline constexpr char kAdamVArena[] = "adam_v";        // "adam_v/<name>"

std::string GradientName(std::string_view parameter);  // "gradient/<parameter>"
std::string AdamMName(std::string_view parameter);
std::string AdamVName(std::string_view parameter);

// Parameters alone, or with gradients and Adam moments, in the WideType of `dtype`. All arenas have
// the same layout.
StateSpec MakeStateSpec(const ParameterTable& parameters, DType dtype, bool training);

// Most tokens (batch * length) of one Program: far beyond any machine, and still safe in all sizes
// that are computed from it.
inline constexpr int64_t kMaxStepTokens = int64_t{1} << 28;

// One micro-batch as a Program sees it.
struct StepShape {
  int64_t batch = 1;
  int64_t length = 1;
  DType dtype = DType::kF32;  // of the operands of products (nn/scope.h)
};

// A recorded graph; nodes before `forward_nodes` are the forward pass.
struct RecordedStep {
  Graph graph;
  int forward_nodes = 0;
};

// Inputs: tokens i32 [batch, length]; random u32 [4] (ops/dropout.h; only if the model's dropout is
// not 0); overwrite u32 [1], 1 on the first micro-batch of a step; loss_weight [1], the share of
// this micro-batch in the step (1 / micro-batches). Outputs: loss [1], mean nats per counted token
// of this micro-batch plus auxiliary losses, not weighted; token_nats [batch, length]. Effect:
// "gradient/<name>" becomes, or is increased by, the gradient of loss_weight * loss. Each gradient
// is added as soon as it is complete, so it need not be kept to the end of the pass.
absl::StatusOr<RecordedStep> BuildAccumulateGraph(const LanguageModel& model,
                                                  const StepShape& shape);

// Inputs: tokens i32 [batch, length]. Outputs: loss, token_nats as above; logits
// [batch, length, V] if wanted. No dropout.
absl::StatusOr<Graph> BuildEvaluateGraph(const LanguageModel& model, const StepShape& shape,
                                         bool logits_output = false);

// Adam exactly as the paper (C1): bias-corrected, epsilon outside the root, no weight decay.
struct AdamSettings {
  double beta1 = 0.9;
  double beta2 = 0.98;
  double epsilon = 1e-9;
  double clip_norm = 0.0;  // gradients are scaled to at most this norm; 0: no clipping

  absl::Status Validate() const;
};

// Inputs: scalars [kAdamScalars] (ops/optimizer.h). Outputs: gradient_sum_squares [1]. Changes
// parameters and moments unless the sum of squares is not finite.
absl::StatusOr<Graph> BuildUpdateGraph(const StateSpec& state, const AdamSettings& adam);

}  // namespace hourglass
