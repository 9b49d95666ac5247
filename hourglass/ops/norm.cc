#include "hourglass/ops/norm.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {
namespace {

absl::Status ExpectStatisticsType(std::string_view op, const TensorSpec& x) {
  if (x.dtype == WideType(x.dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(op), ": x is ", x.ToString(), ", its statistics want at least f32"));
}

}  // namespace

std::string LayerNormOp::Attributes() const {
  return out_ ? absl::StrCat("out=", std::string(::hourglass::Name(*out_))) : "";
}

absl::StatusOr<std::vector<TensorSpec>> LayerNormOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 3));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  if (in[0].shape.rank() < 1) return ExpectRank(Name(), "x", in[0], 2);
  const Shape width{in[0].shape[-1]};
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "scale", in[1], width));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "bias", in[2], width));
  HG_RETURN_IF_ERROR(ExpectStatisticsType(Name(), in[0]));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "scale", in[1], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "bias", in[2], in[0].dtype));
  const DType out = out_.value_or(in[0].dtype);
  if (out != in[0].dtype && out != DType::kBF16) {
    return absl::InvalidArgumentError(absl::StrCat("layer_norm: of ", in[0].ToString(),
                                                   " does not come out as ",
                                                   std::string(::hourglass::Name(out))));
  }
  const TensorSpec statistic{Shape{in[0].shape.Rows()}, in[0].dtype};
  return std::vector<TensorSpec>{{in[0].shape, out}, statistic, statistic};
}

Cost LayerNormOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 7 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> LayerNormOp::Gradient(Graph& graph, const Node& node,
                                                        std::span<const std::optional<Value>> d_out,
                                                        const std::vector<bool>&) const {
  ExpectGradientOfFirstOutput(graph, node, d_out, {"mean", "rstd"});
  if (!d_out[0]) return {std::nullopt, std::nullopt, std::nullopt};
  const std::vector<Value> d_in =
      graph.Add(std::make_shared<LayerNormGradOp>(),
                {node.inputs[0], node.inputs[1], node.outputs[1], node.outputs[2], *d_out[0]});
  return {d_in[0], d_in[1], d_in[2]};
}

absl::StatusOr<std::vector<TensorSpec>> LayerNormGradOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 5));
  HG_RETURN_IF_ERROR(ExpectStatisticsType(Name(), in[0]));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "scale", in[1], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "mean", in[2], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "rstd", in[3], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "d_y", in[4], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "mean", in[2], Shape{in[0].shape.Rows()}));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "rstd", in[3], Shape{in[0].shape.Rows()}));
  return std::vector<TensorSpec>{in[0], in[1], in[1]};
}

Cost LayerNormGradOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 14 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

Value LayerNorm(Graph& graph, Value x, Value scale, Value bias, std::optional<DType> out) {
  const bool same = out == graph.spec(x).dtype;
  const auto op = same ? std::make_shared<LayerNormOp>() : std::make_shared<LayerNormOp>(out);
  return graph.Add(op, {x, scale, bias})[0];
}

}  // namespace hourglass
