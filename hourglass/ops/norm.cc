#include "hourglass/ops/norm.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/infer.h"

namespace hourglass {
namespace {

// One operation per element for the sum, one more for dropout.
int64_t ResidualOperations(double rate) { return rate > 0.0 ? 2 : 1; }

std::string DropoutAttributes(double rate, RandomSite site) {
  return rate > 0.0 ? absl::StrCat("rate=", rate, " site=", site) : "";
}

// The inputs of an op that x, the first of them, goes into with its batch axis; if rate > 0 another
// one follows, from which dropout is drawn.
absl::Status ExpectResidual(std::string_view op, double rate, std::span<const TensorSpec> in,
                            size_t random) {
  HG_RETURN_IF_ERROR(ExpectInputs(op, in, rate > 0.0 ? random + 1 : random));
  HG_RETURN_IF_ERROR(ExpectDropout(op, rate, in[0]));
  if (in[0].shape.rank() < 2) return ExpectRank(op, "x", in[0], 2);
  return rate > 0.0 ? ExpectRandom(op, in[random]) : absl::OkStatus();
}

absl::Status ExpectStatisticsType(std::string_view op, const TensorSpec& x) {
  if (x.dtype == WideType(x.dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(op), ": x is ", x.ToString(), ", its statistics want at least f32"));
}

struct NormInputs {
  TensorSpec x, scale, bias;
};

absl::StatusOr<std::vector<TensorSpec>> InferLayerNorm(std::string_view op,
                                                       std::optional<DType> wanted,
                                                       const NormInputs& in) {
  HG_RETURN_IF_ERROR(ExpectFloating(op, "x", in.x));
  if (in.x.shape.rank() < 1) return ExpectRank(op, "x", in.x, 2);
  const Shape width{in.x.shape[-1]};
  HG_RETURN_IF_ERROR(ExpectShape(op, "scale", in.scale, width));
  HG_RETURN_IF_ERROR(ExpectShape(op, "bias", in.bias, width));
  HG_RETURN_IF_ERROR(ExpectStatisticsType(op, in.x));
  HG_RETURN_IF_ERROR(ExpectDType(op, "scale", in.scale, in.x.dtype));
  HG_RETURN_IF_ERROR(ExpectDType(op, "bias", in.bias, in.x.dtype));
  const DType out = wanted.value_or(in.x.dtype);
  if (out != in.x.dtype && out != DType::kBF16) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(op), ": of ", in.x.ToString(),
                                                   " does not come out as ",
                                                   std::string(::hourglass::Name(out))));
  }
  const TensorSpec statistic{Shape{in.x.shape.Rows()}, in.x.dtype};
  return std::vector<TensorSpec>{{in.x.shape, out}, statistic, statistic};
}

// Of x, scale, mean, rstd, d_y.
absl::StatusOr<std::vector<TensorSpec>> InferLayerNormGrad(std::string_view op,
                                                           std::span<const TensorSpec> in) {
  HG_RETURN_IF_ERROR(ExpectStatisticsType(op, in[0]));
  HG_RETURN_IF_ERROR(ExpectDType(op, "scale", in[1], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(op, "mean", in[2], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(op, "rstd", in[3], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectShape(op, "d_y", in[4], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectShape(op, "mean", in[2], Shape{in[0].shape.Rows()}));
  HG_RETURN_IF_ERROR(ExpectShape(op, "rstd", in[3], Shape{in[0].shape.Rows()}));
  return std::vector<TensorSpec>{in[0], in[1], in[1]};
}

}  // namespace

std::string LayerNormOp::Attributes() const {
  return out_ ? absl::StrCat("out=", std::string(::hourglass::Name(*out_))) : "";
}

absl::StatusOr<std::vector<TensorSpec>> LayerNormOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 3));
  return InferLayerNorm(Name(), out_, {in[0], in[1], in[2]});
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
  ExpectNoGradientOfLastOutputs(graph, node, d_out, {"mean", "rstd"});
  if (!d_out[0]) return {std::nullopt, std::nullopt, std::nullopt};
  const std::vector<Value> d_in =
      graph.Add(std::make_shared<LayerNormGradOp>(),
                {node.inputs[0], node.inputs[1], node.outputs[1], node.outputs[2], *d_out[0]});
  return {d_in[0], d_in[1], d_in[2]};
}

absl::StatusOr<std::vector<TensorSpec>> LayerNormGradOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 5));
  return InferLayerNormGrad(Name(), in);
}

Cost LayerNormGradOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 14 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::string ResidualNormOp::Attributes() const {
  const std::string dropout = DropoutAttributes(rate_, site_), norm = norm_.Attributes();
  return absl::StrCat(dropout, dropout.empty() || norm.empty() ? "" : " ", norm);
}

absl::StatusOr<std::vector<TensorSpec>> ResidualNormOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectResidual(Name(), rate_, in, 4));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "branch", in[1], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "branch", in[1], in[0].dtype));
  HG_ASSIGN_OR_RETURN(std::vector<TensorSpec> out,
                      InferLayerNorm(Name(), norm_.out(), {in[0], in[2], in[3]}));
  out.insert(out.begin(), in[0]);
  return out;
}

Cost ResidualNormOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost = norm_.Count(in, out);
  cost.elementwise += ResidualOperations(rate_) * in[0].Elements();
  return cost;
}

std::optional<int> ResidualNormOp::MayRunInPlace(int output) const {
  // x is often kept for the gradient of an earlier norm.
  return output == 0 ? std::optional<int>(1) : std::nullopt;
}

std::vector<std::optional<Value>> ResidualNormOp::Gradient(
    Graph& graph, const Node& node, std::span<const std::optional<Value>> d_out,
    const std::vector<bool>& wanted) const {
  ExpectNoGradientOfLastOutputs(graph, node, d_out, {"mean", "rstd"});
  std::vector<std::optional<Value>> d_in(node.inputs.size());
  const bool dropout = rate_ > 0.0;
  d_in[0] = d_out[0];
  if (d_out[1]) {
    std::vector<Value> in = {node.outputs[0], node.inputs[2], node.outputs[2], node.outputs[3],
                             *d_out[1]};
    std::shared_ptr<const Op> op = std::make_shared<LayerNormGradOp>();
    if (d_out[0]) {
      op = std::make_shared<ResidualNormGradOp>(rate_, site_);
      in.push_back(*d_out[0]);
      if (dropout) in.push_back(node.inputs[4]);
    }
    const std::vector<Value> d = graph.Add(op, in);
    d_in[0] = d[0];
    d_in[2] = d[1];
    d_in[3] = d[2];
    if (d_out[0] && dropout) d_in[1] = d[3];
  }
  if (!d_in[0] || d_in[1]) return d_in;
  d_in[1] = d_in[0];
  if (dropout && wanted[1]) {
    d_in[1] = graph.Add1(std::make_shared<DropoutOp>(rate_, site_), {*d_in[0], node.inputs[4]});
  }
  return d_in;
}

std::string ResidualNormGradOp::Attributes() const { return DropoutAttributes(rate_, site_); }

absl::StatusOr<std::vector<TensorSpec>> ResidualNormGradOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectResidual(Name(), rate_, in, 6));
  HG_ASSIGN_OR_RETURN(std::vector<TensorSpec> out, InferLayerNormGrad(Name(), in.first(5)));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "d_sum", in[5], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "d_sum", in[5], in[0].dtype));
  if (rate_ > 0.0) out.push_back(in[0]);
  return out;
}

Cost ResidualNormGradOp::Count(std::span<const TensorSpec> in,
                               std::span<const TensorSpec> out) const {
  Cost cost = LayerNormGradOp().Count(in, out);
  cost.elementwise += ResidualOperations(rate_) * in[0].Elements();
  return cost;
}

std::optional<int> ResidualNormGradOp::MayRunInPlace(int output) const {
  return output == 0 ? std::optional<int>(5) : std::nullopt;
}

Value LayerNorm(Graph& graph, Value x, Value scale, Value bias, std::optional<DType> out) {
  const bool same = out == graph.spec(x).dtype;
  const auto op = same ? std::make_shared<LayerNormOp>() : std::make_shared<LayerNormOp>(out);
  return graph.Add(op, {x, scale, bias})[0];
}

}  // namespace hourglass
