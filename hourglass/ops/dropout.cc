#include "hourglass/ops/dropout.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

absl::Status ExpectRandom(std::string_view op, const TensorSpec& got) {
  HG_RETURN_IF_ERROR(ExpectShape(op, "random", got, Shape{kRandomInputSize}));
  return ExpectDType(op, "random", got, DType::kU32);
}

std::string DropoutOp::Attributes() const { return absl::StrCat("rate=", rate_, " site=", site_); }

absl::StatusOr<std::vector<TensorSpec>> DropoutOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectRandom(Name(), in[1]));
  if (in[0].shape.rank() < 1 || !(rate_ >= 0.0 && rate_ < 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dropout: rate ", rate_, " is not in [0, 1) or x has no batch axis"));
  }
  return std::vector<TensorSpec>{in[0]};
}

std::vector<std::optional<Value>> DropoutOp::Gradient(Graph& graph, const Node& node,
                                                      std::span<const std::optional<Value>> d_out,
                                                      const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<DropoutOp>(rate_, site_), {*d_out[0], node.inputs[1]}),
          std::nullopt};
}

}  // namespace hourglass
