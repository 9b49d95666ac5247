#include "hourglass/ops/pooling.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

std::string PoolOp::Attributes() const { return absl::StrCat("k=", k_, " scale=", scale_); }
std::string RepeatOp::Attributes() const { return absl::StrCat("k=", k_, " scale=", scale_); }

absl::StatusOr<std::vector<TensorSpec>> PoolOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "x", in[0], 3));
  if (k_ < 1 || in[0].shape[1] % k_ != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pool: length of ", in[0].ToString(), " is not divisible by k = ", k_));
  }
  TensorSpec out = in[0];
  out.shape.Set(1, in[0].shape[1] / k_);
  return std::vector<TensorSpec>{out};
}

Cost PoolOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> PoolOp::Gradient(Graph& graph, const Node&,
                                                   std::span<const std::optional<Value>> d_out,
                                                   const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<RepeatOp>(k_, scale_), {*d_out[0]})};
}

absl::StatusOr<std::vector<TensorSpec>> RepeatOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "x", in[0], 3));
  if (k_ < 1) return absl::InvalidArgumentError(absl::StrCat("repeat: k = ", k_));
  TensorSpec out = in[0];
  out.shape.Set(1, in[0].shape[1] * k_);
  return std::vector<TensorSpec>{out};
}

std::vector<std::optional<Value>> RepeatOp::Gradient(Graph& graph, const Node&,
                                                     std::span<const std::optional<Value>> d_out,
                                                     const std::vector<bool>&) const {
  return {graph.Add1(std::make_shared<PoolOp>(k_, scale_), {*d_out[0]})};
}

Value AveragePool(Graph& graph, Value x, int64_t k) {
  return graph.Add1(std::make_shared<PoolOp>(k, 1.0 / static_cast<double>(k)), {x});
}

Value RepeatUpsample(Graph& graph, Value x, int64_t k) {
  return graph.Add1(std::make_shared<RepeatOp>(k, 1.0), {x});
}

}  // namespace hourglass
