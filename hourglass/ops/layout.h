#pragma once
// Ops that move rows or change the shape, and the sum over rows.

#include "hourglass/graph/graph.h"

namespace hourglass {

// out[b, i] = in[b, i - offset] where that row exists, else zero: [B, n, ..] -> [B, rows, ..].
// One op for the shift of the tokens, the delay by k-1 before shortening (paper section 2, A2), its
// gradient, right padding and cutting the padding off. Works on any dtype; [B, n] has rows of 1.
class ShiftRowsOp : public Op {
 public:
  ShiftRowsOp(int64_t offset, int64_t rows) : offset_(offset), rows_(rows) {}
  int64_t offset() const { return offset_; }
  int64_t rows() const { return rows_; }

  std::string_view Name() const override { return "shift_rows"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  int64_t offset_, rows_;
};

// The same memory under another shape.
class ReshapeOp : public Op {
 public:
  explicit ReshapeOp(Shape shape) : shape_(std::move(shape)) {}

  std::string_view Name() const override { return "reshape"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<Alias> View(int) const override { return Alias{0, 0}; }

 private:
  Shape shape_;
};

// Sum over all rows: [.., n] -> [n], in the WideType of the input. The gradient of a bias.
class ColumnSumOp : public Op {
 public:
  std::string_view Name() const override { return "column_sum"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
};

Value ShiftRows(Graph& graph, Value x, int64_t offset, int64_t rows);
Value Reshape(Graph& graph, Value x, Shape shape);

}  // namespace hourglass
