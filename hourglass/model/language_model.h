#pragma once
// What a language model is to the rest of the system: it records itself into a graph.

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/model/model_config.h"
#include "hourglass/nn/scope.h"

namespace hourglass {

struct ModelInputs {
  Value tokens;  // i32 [batch, length], unshifted
  int64_t batch = 0;
  int64_t length = 0;  // need not be divisible by anything
};

struct ModelOutputs {
  Value logits;                         // [batch, length, V]; logits at i see tokens before i only
  std::vector<Value> auxiliary_losses;  // scalars added to the loss, for models that have any
};

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual const ModelConfig& config() const = 0;
  // Records the forward pass. Mistakes are kept in the graph's status.
  virtual ModelOutputs Build(const Scope& scope, const ModelInputs& inputs) const = 0;
};

// The parameters of a model, found by recording it once.
absl::StatusOr<ParameterTable> ParametersOf(const LanguageModel& model);

}  // namespace hourglass
