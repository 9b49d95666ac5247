#include "hourglass/ops/loss.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {
namespace {

std::string Describe(std::optional<int32_t> mask_id) {
  return mask_id ? absl::StrCat("mask_id=", *mask_id) : "";
}

absl::Status ValidateLogits(std::string_view op, std::span<const TensorSpec> in) {
  HG_RETURN_IF_ERROR(ExpectFloating(op, "logits", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank(op, "logits", in[0], 3));
  HG_RETURN_IF_ERROR(ExpectDType(op, "targets", in[1], DType::kI32));
  return ExpectShape(op, "targets", in[1], Shape{in[0].shape[0], in[0].shape[1]});
}

}  // namespace

std::string CrossEntropyOp::Attributes() const { return Describe(mask_id_); }
std::string CrossEntropyGradOp::Attributes() const { return Describe(mask_id_); }

absl::StatusOr<std::vector<TensorSpec>> CrossEntropyOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ValidateLogits(Name(), in));
  const DType dtype = WideType(in[0].dtype);
  return std::vector<TensorSpec>{{Shape{1}, dtype}, {in[1].shape, dtype}};
}

Cost CrossEntropyOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 4 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> CrossEntropyOp::Gradient(
    Graph& graph, const Node& node, std::span<const std::optional<Value>> d_out,
    const std::vector<bool>&) const {
  ExpectNoGradientOfLastOutputs(graph, node, d_out, {"token_nats"});
  if (!d_out[0]) return {std::nullopt, std::nullopt};
  return {graph.Add1(std::make_shared<CrossEntropyGradOp>(mask_id_),
                     {node.inputs[0], node.inputs[1], node.outputs[1], *d_out[0]}),
          std::nullopt};
}

absl::StatusOr<std::vector<TensorSpec>> CrossEntropyGradOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 4));
  HG_RETURN_IF_ERROR(ValidateLogits(Name(), in));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "token_nats", in[2], in[1].shape));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "d_loss", in[3], Shape{1}));
  return std::vector<TensorSpec>{in[0]};
}

Cost CrossEntropyGradOp::Count(std::span<const TensorSpec> in,
                               std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 3 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

CrossEntropyValues CrossEntropy(Graph& graph, Value logits, Value targets,
                                std::optional<int32_t> mask_id) {
  const std::vector<Value> out =
      graph.Add(std::make_shared<CrossEntropyOp>(mask_id), {logits, targets});
  return {out[0], out[1]};
}

}  // namespace hourglass
