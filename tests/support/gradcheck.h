#pragma once
// Gradients of recorded losses, and their check against f64 differences on the reference backend.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"
#include "hourglass/runtime/backend.h"
#include "tests/support/op_case.h"

namespace hourglass::testing {

// Records a loss of one element from the inputs.
using LossBuilder = std::function<Value(Graph& graph, const std::vector<Value>& inputs)>;

// The outputs that `build` marks, in that order, then the gradient of the loss for each input of
// `wrt` (zeros where the loss does not depend on it), as AppendGradients gives it on the backend.
absl::StatusOr<std::vector<HostTensor>> RunWithGradients(const LossBuilder& build,
                                                         const std::vector<HostTensor>& inputs,
                                                         const std::vector<int>& wrt,
                                                         std::shared_ptr<Backend> backend);

struct GradientCheckOptions {
  std::vector<int> wrt = {};  // inputs to check
  bool every_element = true;  // of inputs of at most kElementwiseLimit elements
};
inline constexpr size_t kElementwiseLimit = 200;

// Compares what AppendGradients gives for the loss with central differences, extrapolated to zero
// step (Richardson), along one random direction per input and for every element of small inputs.
// Error relative to the norm of the gradient at most 1e-6; a floor of 1e-10 of the loss covers
// gradients that are zero. Empty if all agree, else one line per finding.
std::string CheckGradients(const LossBuilder& build, const std::vector<HostTensor>& inputs,
                           const GradientCheckOptions& options);

// The same for an op case: the loss is a random linear function of its outputs with a gradient.
std::string CheckGradients(const OpCase& op_case);

}  // namespace hourglass::testing
