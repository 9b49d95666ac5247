#pragma once

#include "hourglass/graph/graph.h"

namespace hourglass {

// logits [B, n, V], targets i32 [B, n] -> loss [1] = mean over the counted targets of
// -log softmax(logits)[target] in nats, token_nats [B, n] (0 where not counted). Targets equal to
// mask_id are not counted; if none counts the loss is 0. Kernels check 0 <= target < V.
class CrossEntropyOp : public Op {
 public:
  explicit CrossEntropyOp(std::optional<int32_t> mask_id) : mask_id_(mask_id) {}
  std::optional<int32_t> mask_id() const { return mask_id_; }
  std::string_view Name() const override { return "cross_entropy"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  // Of the loss only; token_nats is for reading.
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  std::optional<int32_t> mask_id_;
};

// logits, targets, token_nats, d_loss [1] -> d_logits, which may take over the memory of logits.
// The log-sum-exp of a row is token_nats + logits[target], so the softmax is not built twice.
class CrossEntropyGradOp : public Op {
 public:
  explicit CrossEntropyGradOp(std::optional<int32_t> mask_id) : mask_id_(mask_id) {}
  std::optional<int32_t> mask_id() const { return mask_id_; }
  std::string_view Name() const override { return "cross_entropy_grad"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::optional<int> MayRunInPlace(int) const override { return 0; }

 private:
  std::optional<int32_t> mask_id_;
};

struct CrossEntropyValues {
  Value loss;        // [1]
  Value token_nats;  // [B, n]
};
CrossEntropyValues CrossEntropy(Graph& graph, Value logits, Value targets,
                                std::optional<int32_t> mask_id);

}  // namespace hourglass
