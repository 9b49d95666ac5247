#include "hourglass/ops/layout.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

std::string ShiftRowsOp::Attributes() const {
  return absl::StrCat("offset=", offset_, " rows=", rows_);
}

absl::StatusOr<std::vector<TensorSpec>> ShiftRowsOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  if (in[0].shape.rank() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("shift_rows: input ", in[0].ToString(), " has no row axis"));
  }
  if (rows_ < 1) {
    return absl::InvalidArgumentError(absl::StrCat("shift_rows: rows = ", rows_));
  }
  TensorSpec out = in[0];
  out.shape.Set(1, rows_);
  return std::vector<TensorSpec>{out};
}

std::vector<std::optional<Value>> ShiftRowsOp::Gradient(Graph& graph, const Node& node,
                                                        std::span<const std::optional<Value>> d_out,
                                                        const std::vector<bool>&) const {
  return {ShiftRows(graph, *d_out[0], -offset_, graph.spec(node.inputs[0]).shape[1])};
}

absl::StatusOr<std::vector<TensorSpec>> ReshapeOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  if (in[0].Elements() != shape_.Elements()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "reshape: ", in[0].ToString(), " does not have the elements of ", shape_.ToString()));
  }
  return std::vector<TensorSpec>{{shape_, in[0].dtype}};
}

Cost ReshapeOp::Count(std::span<const TensorSpec>, std::span<const TensorSpec>) const { return {}; }

std::vector<std::optional<Value>> ReshapeOp::Gradient(Graph& graph, const Node& node,
                                                      std::span<const std::optional<Value>> d_out,
                                                      const std::vector<bool>&) const {
  return {Reshape(graph, *d_out[0], graph.spec(node.inputs[0]).shape)};
}

absl::StatusOr<std::vector<TensorSpec>> ColumnSumOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "input", in[0]));
  if (in[0].shape.rank() < 1) return ExpectRank(Name(), "input", in[0], 2);
  return std::vector<TensorSpec>{{Shape{in[0].shape[-1]}, WideType(in[0].dtype)}};
}

Cost ColumnSumOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

Value ShiftRows(Graph& graph, Value x, int64_t offset, int64_t rows) {
  return graph.Add1(std::make_shared<ShiftRowsOp>(offset, rows), {x});
}

Value Reshape(Graph& graph, Value x, Shape shape) {
  return graph.Add1(std::make_shared<ReshapeOp>(std::move(shape)), {x});
}

}  // namespace hourglass
