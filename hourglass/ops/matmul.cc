#include "hourglass/ops/matmul.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/infer.h"
#include "hourglass/ops/layout.h"

namespace hourglass {
namespace {

// None where it is the type of the operands anyway.
std::optional<DType> OutOf(const Graph& graph, Value operand, std::optional<DType> out) {
  return out == graph.spec(operand).dtype ? std::nullopt : out;
}

Value MatmulTransposed(Graph& graph, bool transpose_a, bool transpose_b, Value a, Value b,
                       std::optional<DType> out = std::nullopt) {
  return graph.Add1(
      std::make_shared<MatmulOp>(transpose_a, transpose_b, false, OutOf(graph, a, out)), {a, b});
}

}  // namespace

std::string MatmulOp::Attributes() const {
  std::string attributes =
      absl::StrCat("transpose_a=", transpose_a_, " transpose_b=", transpose_b_, " bias=", bias_);
  if (residual_) absl::StrAppend(&attributes, " residual=", residual_);
  if (out_) absl::StrAppend(&attributes, " out=", std::string(::hourglass::Name(*out_)));
  return attributes;
}

MatmulSizes SizesOf(const MatmulOp& op, std::span<const TensorSpec> in) {
  const Shape& a = in[0].shape;
  const Shape& b = in[1].shape;
  if (op.transpose_a()) return {a[-1], b[-1], a.Rows()};
  return {a.Rows(), op.transpose_b() ? b[0] : b[1], a[-1]};
}

absl::StatusOr<std::vector<TensorSpec>> MatmulOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, size_t{2} + bias_ + residual_));
  if (transpose_a_ && (transpose_b_ || bias_ || residual_)) {
    return absl::InvalidArgumentError(
        "matmul: transpose_a goes with neither transpose_b nor bias nor residual");
  }
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "a", in[0]));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "b", in[1], in[0].dtype));
  const DType wide = WideType(in[0].dtype);
  const DType out_type = out_.value_or(in[0].dtype);
  if (out_type != wide && (out_type != in[0].dtype || residual_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("matmul: a product of ", std::string(::hourglass::Name(in[0].dtype)),
                     " does not come out as ", std::string(::hourglass::Name(out_type))));
  }
  if (in[0].shape.rank() < 1) return ExpectRank(Name(), "a", in[0], 2);
  if (transpose_a_) {
    if (in[1].shape.rank() < 1 || in[0].shape.Rows() != in[1].shape.Rows()) {
      return absl::InvalidArgumentError(absl::StrCat("matmul: a ", in[0].ToString(), " and b ",
                                                     in[1].ToString(), " differ in rows"));
    }
    return std::vector<TensorSpec>{{Shape{in[0].shape[-1], in[1].shape[-1]}, out_type}};
  }
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "b", in[1], 2));
  if (in[0].shape[-1] != in[1].shape[transpose_b_ ? 1 : 0]) {
    return absl::InvalidArgumentError(absl::StrCat("matmul: inner extents of a ", in[0].ToString(),
                                                   " and b ", in[1].ToString(), " differ"));
  }
  TensorSpec out{in[0].shape, out_type};
  out.shape.Set(-1, in[1].shape[transpose_b_ ? 0 : 1]);
  if (bias_) {
    HG_RETURN_IF_ERROR(ExpectShape(Name(), "bias", in[2], Shape{out.shape[-1]}));
    HG_RETURN_IF_ERROR(ExpectDType(Name(), "bias", in[2], wide));
  }
  if (residual_) {
    HG_RETURN_IF_ERROR(ExpectShape(Name(), "residual", in.back(), out.shape));
    HG_RETURN_IF_ERROR(ExpectDType(Name(), "residual", in.back(), wide));
  }
  return std::vector<TensorSpec>{out};
}

Cost MatmulOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  const MatmulSizes s = SizesOf(*this, in);
  Cost cost = ProductCost(2 * s.m * s.n * s.k);
  cost.elementwise = (bias_ + residual_) * s.m * s.n;
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> MatmulOp::Gradient(Graph& graph, const Node& node,
                                                     std::span<const std::optional<Value>> d_out,
                                                     const std::vector<bool>& wanted) const {
  const Value a = node.inputs[0], b = node.inputs[1];
  const DType wide = WideType(graph.spec(b).dtype);
  const Value d = Cast(graph, *d_out[0], graph.spec(a).dtype);
  std::vector<std::optional<Value>> d_in(node.inputs.size());
  if (transpose_a_) {
    if (wanted[0]) d_in[0] = MatmulTransposed(graph, false, true, b, d);
    if (wanted[1]) d_in[1] = MatmulTransposed(graph, false, false, a, d, wide);
    return d_in;
  }
  // The gradient of a comes last: a is often read by nothing after its product with d, and of its
  // size, so the memory plan puts one in the place of the other.
  if (wanted[1]) {
    d_in[1] = transpose_b_ ? MatmulTransposed(graph, true, false, d, a, wide)
                           : MatmulTransposed(graph, true, false, a, d, wide);
  }
  if (bias_ && wanted[2]) d_in[2] = graph.Add1(std::make_shared<ColumnSumOp>(), {*d_out[0]});
  if (residual_) d_in.back() = d_out[0];
  if (wanted[0]) d_in[0] = MatmulTransposed(graph, false, !transpose_b_, d, b);
  return d_in;
}

Value Matmul(Graph& graph, Value a, Value b) { return MatmulTransposed(graph, false, false, a, b); }

Value MatmulBias(Graph& graph, Value a, Value b, Value bias, std::optional<DType> out) {
  return graph.Add1(std::make_shared<MatmulOp>(false, false, true, OutOf(graph, a, out)),
                    {a, b, bias});
}

Value MatmulBiasResidual(Graph& graph, Value a, Value b, Value bias, Value residual) {
  const auto out = OutOf(graph, a, graph.spec(residual).dtype);
  return graph.Add1(std::make_shared<MatmulOp>(false, false, true, out, true),
                    {a, b, bias, residual});
}

}  // namespace hourglass
