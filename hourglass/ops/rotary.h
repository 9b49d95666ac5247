#pragma once

#include "hourglass/graph/graph.h"

namespace hourglass {

// Rotary positions on packed queries and keys: x [B, n, 3d] -> [B, n, 3d]. In each head of the
// first 2d columns dimension a pairs with a + dh/2 and turns by direction * i * spacing *
// 10000^(-2a/dh) at row i (per head, E2 trap 2); the last d columns (values) are copied. direction
// is +1, or -1 for the gradient. dh must be even.
class RotaryOp : public Op {
 public:
  RotaryOp(int64_t heads, int64_t spacing, int direction)
      : heads_(heads), spacing_(spacing), direction_(direction) {}
  int64_t heads() const { return heads_; }
  // Angle of row i, pair a, in radians.
  double Angle(int64_t i, int64_t a, int64_t head_width) const;

  std::string_view Name() const override { return "rotary"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<int> MayRunInPlace(int) const override { return 0; }

 private:
  int64_t heads_, spacing_;
  int direction_;
};

}  // namespace hourglass
