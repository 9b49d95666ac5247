#pragma once
// Holds a backend against a fixture of the parity oracle: the same weights, the same tokens, and
// then logits, loss and every gradient, a training trajectory or a greedy sample.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass {

// Differences relative to the largest absolute value of the compared tensor; gradients relative to
// the largest gradient of all parameters, because some are mathematically zero and hold rounding
// noise only. What a fixture does not hold is absent.
struct ParityResult {
  std::string kind;   // "model", "trajectory", "sampling"
  std::string label;  // of the configuration
  std::optional<double> logits;
  std::optional<double> loss;  // of a trajectory: the worst of all steps
  std::optional<double> gradients;
  std::optional<double> final_parameters;  // absolute; trajectories in f64 only
  std::optional<bool> tokens_equal;        // samples only
  std::vector<std::string> worst;          // up to three tensors, worst first
  double limit = 0.0;                      // of logits, loss and gradients
  double final_parameters_limit = 0.0;
  bool ok = false;
};

// Errors: NotFound if the file is not there; DataLoss for a broken file, one whose tensors or count
// of parameters do not fit its configuration, or one that holds a NaN or infinity; Unimplemented
// for an attention kind, or a dtype on this backend, that is not built, naming it.
absl::StatusOr<ParityResult> CheckFixture(const std::string& path,
                                          const std::shared_ptr<Backend>& backend, DType dtype);

}  // namespace hourglass
