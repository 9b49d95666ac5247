#include "hourglass/ops/rotary.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

double RotaryOp::Angle(int64_t i, int64_t a, int64_t head_width) const {
  const double exponent = -2.0 * static_cast<double>(a) / static_cast<double>(head_width);
  return direction_ * static_cast<double>(i * spacing_) * std::pow(10000.0, exponent);
}

std::string RotaryOp::Attributes() const {
  return absl::StrCat("heads=", heads_, " spacing=", spacing_, " direction=", direction_);
}

absl::StatusOr<std::vector<TensorSpec>> RotaryOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "x", in[0], 3));
  if (heads_ < 1 || in[0].shape[2] % (6 * heads_) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("rotary: the heads of ", in[0].ToString(),
                                                   " with ", heads_,
                                                   " heads are not of even width"));
  }
  return std::vector<TensorSpec>{in[0]};
}

Cost RotaryOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 2 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> RotaryOp::Gradient(Graph& graph, const Node&,
                                                     std::span<const std::optional<Value>> d_out,
                                                     const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<RotaryOp>(heads_, spacing_, -direction_), {*d_out[0]})};
}

}  // namespace hourglass
