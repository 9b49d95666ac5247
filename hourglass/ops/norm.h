#pragma once

#include <optional>

#include "hourglass/graph/graph.h"

namespace hourglass {

// The paper's LayerNorm: epsilon inside the root, biased variance (A6).
inline constexpr double kLayerNormEpsilon = 1e-6;

// x [.., d], scale [d], bias [d], all of one type, f32 or wider -> y [.., d], mean [rows], rstd
// [rows]. y has the type of x, or `out` if given: that or bf16. Of y only is there a gradient.
class LayerNormOp : public Op {
 public:
  explicit LayerNormOp(std::optional<DType> out = std::nullopt) : out_(out) {}
  std::string_view Name() const override { return "layer_norm"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  std::optional<DType> out_;
};

// x, scale, mean, rstd, d_y -> d_x [.., d], d_scale [d], d_bias [d], of the type of x.
class LayerNormGradOp : public Op {
 public:
  std::string_view Name() const override { return "layer_norm_grad"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
};

Value LayerNorm(Graph& graph, Value x, Value scale, Value bias,
                std::optional<DType> out = std::nullopt);

}  // namespace hourglass
