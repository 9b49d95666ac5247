#pragma once
// Parameter-free shortening and upsampling (A3, A4). Each is the gradient of the other.

#include "hourglass/graph/graph.h"

namespace hourglass {

// x [B, n, d] -> [B, n/k, d]: scale times the sum of each group of k rows. Average pooling has
// scale 1/k; scale 1 is the gradient of repeat. k must divide n.
class PoolOp : public Op {
 public:
  PoolOp(int64_t k, double scale) : k_(k), scale_(scale) {}
  int64_t k() const { return k_; }
  double scale() const { return scale_; }
  std::string_view Name() const override { return "pool"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  int64_t k_;
  double scale_;
};

// x [B, m, d] -> [B, m k, d]: scale times each row, k times.
class RepeatOp : public Op {
 public:
  RepeatOp(int64_t k, double scale) : k_(k), scale_(scale) {}
  int64_t k() const { return k_; }
  double scale() const { return scale_; }
  std::string_view Name() const override { return "repeat"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  int64_t k_;
  double scale_;
};

Value AveragePool(Graph& graph, Value x, int64_t k);
Value RepeatUpsample(Graph& graph, Value x, int64_t k);

}  // namespace hourglass
