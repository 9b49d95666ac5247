#pragma once

#include <optional>

#include "hourglass/graph/graph.h"

namespace hourglass {

// Product of two matrices, optionally plus a bias row, then optionally plus a tensor of its shape.
//
// Tensors are seen as matrices [rows, columns] whose columns are the last axis.
//   plain:        a [.., k] x b [k, n] (+ bias [n])                      -> [.., n]
//   transpose_b:  a [.., k] x b [n, k] (+ bias [n])                      -> [.., n]
//   transpose_a:  a [.., m] x b [.., n], contracted over the equal rows  -> [m, n]   (neither)
//
// Inputs: a, b, the bias [n], the residual of the shape of the result, as far as there are such.
// a and b have one type; sums, bias and residual have its WideType. The result has the type of a
// and b, or `out` if given: theirs or its WideType, which it must have with a residual. The
// gradient of b is never narrower than f32.
class MatmulOp : public Op {
 public:
  MatmulOp(bool transpose_a, bool transpose_b, bool bias, std::optional<DType> out = std::nullopt,
           bool residual = false)
      : transpose_a_(transpose_a),
        transpose_b_(transpose_b),
        bias_(bias),
        residual_(residual),
        out_(out) {}
  bool transpose_a() const { return transpose_a_; }
  bool transpose_b() const { return transpose_b_; }
  bool bias() const { return bias_; }
  bool residual() const { return residual_; }

  std::string_view Name() const override { return "matmul"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  bool transpose_a_, transpose_b_, bias_, residual_;
  std::optional<DType> out_;
};

// m, n and the contracted k of a matmul node.
struct MatmulSizes {
  int64_t m = 0, n = 0, k = 0;
};
MatmulSizes SizesOf(const MatmulOp& op, std::span<const TensorSpec> in);

Value Matmul(Graph& graph, Value a, Value b);
Value MatmulBias(Graph& graph, Value a, Value b, Value bias,
                 std::optional<DType> out = std::nullopt);
// residual + (a b + bias), of the type of the residual: the WideType of a.
Value MatmulBiasResidual(Graph& graph, Value a, Value b, Value bias, Value residual);

}  // namespace hourglass
