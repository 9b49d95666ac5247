#pragma once
// The ops that the graph passes themselves need.

#include <memory>

#include "hourglass/graph/graph.h"

namespace hourglass {

// out = a + b, equal specs.
class AddOp : public Op {
 public:
  std::string_view Name() const override { return "add"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<int> MayRunInPlace(int) const override { return 0; }
};

// The same numbers in another dtype, rounded to nearest even.
class CastOp : public Op {
 public:
  explicit CastOp(DType to) : to_(to) {}
  DType to() const { return to_; }
  std::string_view Name() const override { return "cast"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  DType to_;
};

// A tensor of one number, made at every run (for gradients that are zero).
class FillOp : public Op {
 public:
  FillOp(TensorSpec spec, double value) : spec_(std::move(spec)), value_(value) {}
  double value() const { return value_; }
  std::string_view Name() const override { return "fill"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;

 private:
  TensorSpec spec_;
  double value_;
};

Value Add(Graph& graph, Value a, Value b);
Value Cast(Graph& graph, Value x, DType to);
Value Fill(Graph& graph, TensorSpec spec, double value);

}  // namespace hourglass
