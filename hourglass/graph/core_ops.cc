#include "hourglass/graph/core_ops.h"

#include "absl/strings/str_cat.h"

namespace hourglass {

absl::StatusOr<std::vector<TensorSpec>> AddOp::Infer(std::span<const TensorSpec> in) const {
  if (in.size() != 2 || !(in[0] == in[1]) || !IsFloating(in[0].dtype)) {
    return absl::InvalidArgumentError("add: takes two floating tensors of equal spec");
  }
  return std::vector<TensorSpec>{in[0]};
}

std::vector<std::optional<Value>> AddOp::Gradient(Graph&, const Node&,
                                                  std::span<const std::optional<Value>> d_out,
                                                  const std::vector<bool>&) const {
  return {d_out[0], d_out[0]};
}

std::string CastOp::Attributes() const { return "to=" + std::string(::hourglass::Name(to_)); }

absl::StatusOr<std::vector<TensorSpec>> CastOp::Infer(std::span<const TensorSpec> in) const {
  if (in.size() != 1 || !IsFloating(in[0].dtype) || !IsFloating(to_)) {
    return absl::InvalidArgumentError("cast: takes one floating tensor, to a floating type");
  }
  return std::vector<TensorSpec>{{in[0].shape, to_}};
}

std::vector<std::optional<Value>> CastOp::Gradient(Graph& graph, const Node& node,
                                                   std::span<const std::optional<Value>> d_out,
                                                   const std::vector<bool>&) const {
  return {Cast(graph, *d_out[0], graph.spec(node.inputs[0]).dtype)};
}

std::string FillOp::Attributes() const { return absl::StrCat("value=", value_); }

absl::StatusOr<std::vector<TensorSpec>> FillOp::Infer(std::span<const TensorSpec> in) const {
  if (!in.empty()) return absl::InvalidArgumentError("fill: takes no input");
  return std::vector<TensorSpec>{spec_};
}

Value Add(Graph& graph, Value a, Value b) { return graph.Add1(std::make_shared<AddOp>(), {a, b}); }

Value Cast(Graph& graph, Value x, DType to) {
  if (graph.spec(x).dtype == to) return x;
  return graph.Add1(std::make_shared<CastOp>(to), {x});
}

Value Fill(Graph& graph, TensorSpec spec, double value) {
  return graph.Add1(std::make_shared<FillOp>(std::move(spec), value), {});
}

}  // namespace hourglass
