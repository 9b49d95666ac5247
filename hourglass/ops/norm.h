#pragma once

#include <optional>

#include "hourglass/base/counter_rng.h"
#include "hourglass/graph/graph.h"

namespace hourglass {

// The paper's LayerNorm: epsilon inside the root, biased variance (A6).
inline constexpr double kLayerNormEpsilon = 1e-6;

// x [.., d], scale [d], bias [d], all of one type, f32 or wider -> y [.., d], mean [rows], rstd
// [rows]. y has the type of x, or `out` if given: that or bf16. Of y only is there a gradient.
class LayerNormOp : public Op {
 public:
  explicit LayerNormOp(std::optional<DType> out = std::nullopt) : out_(out) {}
  std::optional<DType> out() const { return out_; }
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

// The residual stream goes on and its norm into the next branch: x [B, .., d], branch of its spec,
// scale [d], bias [d], all of one type, f32 or wider, and if rate > 0 random u32[4] -> sum
// [B, .., d] = x + dropout(branch), which may take over the memory of the branch, then y, mean and
// rstd of LayerNormOp of the sum. The draws are those of DropoutOp. Of sum and y are there
// gradients.
class ResidualNormOp : public Op {
 public:
  ResidualNormOp(double rate, RandomSite site, std::optional<DType> out = std::nullopt)
      : rate_(rate), site_(site), norm_(out) {}
  double rate() const { return rate_; }
  RandomSite site() const { return site_; }

  std::string_view Name() const override { return "residual_norm"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<int> MayRunInPlace(int output) const override;

 private:
  double rate_;
  RandomSite site_;
  LayerNormOp norm_;
};

// sum, scale, mean, rstd, d_y, d_sum and if rate > 0 random -> d_x [B, .., d], which may take over
// the memory of d_sum, d_scale [d], d_bias [d] and if rate > 0 d_branch, of the type of the sum.
// Without dropout d_x is the gradient of the branch too.
class ResidualNormGradOp : public Op {
 public:
  ResidualNormGradOp(double rate, RandomSite site) : rate_(rate), site_(site) {}
  double rate() const { return rate_; }
  RandomSite site() const { return site_; }

  std::string_view Name() const override { return "residual_norm_grad"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::optional<int> MayRunInPlace(int output) const override;

 private:
  double rate_;
  RandomSite site_;
};

Value LayerNorm(Graph& graph, Value x, Value scale, Value bias,
                std::optional<DType> out = std::nullopt);

}  // namespace hourglass
