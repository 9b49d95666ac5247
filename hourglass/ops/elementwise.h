#pragma once

#include "hourglass/graph/graph.h"

namespace hourglass {

// The tanh form: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). (A6)
class GeluOp : public Op {
 public:
  std::string_view Name() const override { return "gelu"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
};

// x, d_y -> d_x; d_x may take over the memory of d_y.
class GeluGradOp : public Op {
 public:
  std::string_view Name() const override { return "gelu_grad"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::optional<int> MayRunInPlace(int) const override { return 1; }
};

Value Gelu(Graph& graph, Value x);

}  // namespace hourglass
