#pragma once

#include "hourglass/graph/graph.h"

namespace hourglass {

// table [V, d], tokens i32 [B, n] -> [B, n, d]. Kernels check 0 <= token < V (InvalidArgument).
class EmbeddingOp : public Op {
 public:
  std::string_view Name() const override { return "embedding"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
};

// tokens i32 [B, n], d_out [B, n, d] -> d_table [V, d], rows summed in the order of the tokens.
class EmbeddingGradOp : public Op {
 public:
  explicit EmbeddingGradOp(int64_t vocab_size) : vocab_size_(vocab_size) {}
  int64_t vocab_size() const { return vocab_size_; }
  std::string_view Name() const override { return "embedding_grad"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;

 private:
  int64_t vocab_size_;
};

Value Embedding(Graph& graph, Value table, Value tokens);

}  // namespace hourglass
