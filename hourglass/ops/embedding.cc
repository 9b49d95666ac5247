#include "hourglass/ops/embedding.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

absl::StatusOr<std::vector<TensorSpec>> EmbeddingOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "table", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "table", in[0], 2));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "tokens", in[1], DType::kI32));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "tokens", in[1], 2));
  return std::vector<TensorSpec>{
      {Shape{in[1].shape[0], in[1].shape[1], in[0].shape[1]}, in[0].dtype}};
}

Cost EmbeddingOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;  // a table read
  cost.bytes = in[1].Bytes() + 2 * TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> EmbeddingOp::Gradient(Graph& graph, const Node& node,
                                                        std::span<const std::optional<Value>> d_out,
                                                        const std::vector<bool>&) const {
  const int64_t vocab_size = graph.spec(node.inputs[0]).shape[0];
  return {graph.Add1(std::make_shared<EmbeddingGradOp>(vocab_size), {node.inputs[1], *d_out[0]}),
          std::nullopt};
}

std::string EmbeddingGradOp::Attributes() const { return absl::StrCat("vocab_size=", vocab_size_); }

absl::StatusOr<std::vector<TensorSpec>> EmbeddingGradOp::Infer(
    std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 2));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "tokens", in[0], DType::kI32));
  HG_RETURN_IF_ERROR(ExpectRank(Name(), "d_out", in[1], 3));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "tokens", in[0], Shape{in[1].shape[0], in[1].shape[1]}));
  return std::vector<TensorSpec>{{Shape{vocab_size_, in[1].shape[2]}, in[1].dtype}};
}

Value Embedding(Graph& graph, Value table, Value tokens) {
  return graph.Add1(std::make_shared<EmbeddingOp>(), {table, tokens});
}

}  // namespace hourglass
