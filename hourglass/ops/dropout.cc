#include "hourglass/ops/dropout.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

absl::Status ExpectRandom(std::string_view op, const TensorSpec& got) {
  HG_RETURN_IF_ERROR(ExpectShape(op, "random", got, Shape{kRandomInputSize}));
  return ExpectDType(op, "random", got, DType::kU32);
}

absl::Status ExpectDropout(std::string_view op, double rate, const TensorSpec& x) {
  if (x.shape.rank() >= 1 && rate >= 0.0 && rate < 1.0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(op), ": rate ", rate, " is not in [0, 1) or x has no batch axis"));
}

std::string DropoutOp::Attributes() const { return absl::StrCat("rate=", rate_, " site=", site_); }

absl::StatusOr<std::vector<TensorSpec>> DropoutOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectRandom(Name(), in[1]));
  HG_RETURN_IF_ERROR(ExpectDropout(Name(), rate_, in[0]));
  return std::vector<TensorSpec>{in[0]};
}

std::vector<std::optional<Value>> DropoutOp::Gradient(Graph& graph, const Node& node,
                                                      std::span<const std::optional<Value>> d_out,
                                                      const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<DropoutOp>(rate_, site_), {*d_out[0], node.inputs[1]}),
          std::nullopt};
}

std::string ResidualOp::Attributes() const { return absl::StrCat("rate=", rate_, " site=", site_); }

absl::StatusOr<std::vector<TensorSpec>> ResidualOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 3));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "branch", in[1], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "branch", in[1], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectRandom(Name(), in[2]));
  HG_RETURN_IF_ERROR(ExpectDropout(Name(), rate_, in[0]));
  return std::vector<TensorSpec>{in[0]};
}

Cost ResidualOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 2 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> ResidualOp::Gradient(Graph& graph, const Node& node,
                                                       std::span<const std::optional<Value>> d_out,
                                                       const std::vector<bool>& wanted) const {
  std::vector<std::optional<Value>> d_in = {d_out[0], std::nullopt, std::nullopt};
  if (wanted[1]) {
    const auto dropout = std::make_shared<DropoutOp>(rate_, site_);
    d_in[1] = graph.Add1(dropout, {*d_out[0], node.inputs[2]});
  }
  return d_in;
}

}  // namespace hourglass
