#include "hourglass/ops/elementwise.h"

#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

absl::StatusOr<std::vector<TensorSpec>> GeluOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  return std::vector<TensorSpec>{in[0]};
}

std::vector<std::optional<Value>> GeluOp::Gradient(Graph& graph, const Node& node,
                                                   std::span<const std::optional<Value>> d_out,
                                                   const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<GeluGradOp>(), {node.inputs[0], *d_out[0]})};
}

absl::StatusOr<std::vector<TensorSpec>> GeluGradOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "d_y", in[1], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "d_y", in[1], in[0].dtype));
  return std::vector<TensorSpec>{in[0]};
}

Value Gelu(Graph& graph, Value x) { return graph.Add1(std::make_shared<GeluOp>(), {x}); }

}  // namespace hourglass
