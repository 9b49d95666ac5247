#pragma once
// Causal softmax attention as one op, with or without relative positions (Transformer-XL form,
// paper section 2; A5, A6). Self-attention and both resamplings are one op with different geometry.

#include "hourglass/base/counter_rng.h"
#include "hourglass/graph/graph.h"

namespace hourglass {

// Which query sees which key, and at which signed distance.
//
//   delta(i, j) = key_step * j - query_step * i        (key minus query, in fine positions)
//   visible     iff delta <= query_step - 1
//
//   self:               query_step 1, key_step 1:  j <= i
//   down (shortening):  query_step k, key_step 1:  j <= (i + 1) k - 1, all earlier groups too
//   up (upsampling):    query_step 1, key_step k:  j <= floor(i / k)
//
// Visible deltas run from -query_step (queries - 1) to query_step - 1: Positions() of them. Row
// delta + query_step (queries - 1) of the position projection r belongs to delta.
struct AttentionGeometry {
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t query_step = 1;
  int64_t key_step = 1;

  int64_t Positions() const { return query_step * queries; }
  int64_t MinDelta() const { return -query_step * (queries - 1); }
  int64_t Delta(int64_t i, int64_t j) const { return key_step * j - query_step * i; }
  bool Visible(int64_t i, int64_t j) const { return Delta(i, j) <= query_step - 1; }
  // Keys that query i sees: always the first ones.
  int64_t VisibleKeys(int64_t i) const;
  // Sum of VisibleKeys over all queries.
  int64_t VisiblePairs() const;
  absl::Status Validate() const;
  friend bool operator==(const AttentionGeometry&, const AttentionGeometry&) = default;
};

struct AttentionAttributes {
  AttentionGeometry geometry;
  int64_t heads = 1;
  bool relative = false;  // takes r, u and v
  bool packed = false;    // queries, keys and values lie in one tensor [B, n, 3d]
  double dropout = 0.0;   // on the probabilities, after the softmax
  RandomSite site = 0;
};

// Inputs, in this order:
//   packed:      query_key_value [B, n, 3d]
//   not packed:  query [B, queries, d], key_value [B, keys, 2d]
//   relative:    + r [Positions(), d], u [H, dh], v [H, dh]
//   dropout > 0: + random u32[4] (see dropout.h)
// Outputs: out [B, queries, d], log_sum_exp [B, H, queries] (of the scaled visible scores; without
// gradient). u, v and log_sum_exp have the WideType of all others, which share one type.
//
//   score(i, j) = ((q_i + u) . k_j + (q_i + v) . r_delta(i,j)) / sqrt(dh)      (relative)
//   score(i, j) = q_i . k_j / sqrt(dh)                                         (else)
//   out_i       = sum over visible j of dropout(softmax_j(score(i, .))) value_j
class AttentionOp : public Op {
 public:
  explicit AttentionOp(AttentionAttributes attributes) : attributes_(attributes) {}
  const AttentionAttributes& attributes() const { return attributes_; }

  std::string_view Name() const override { return "attention"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }

 private:
  AttentionAttributes attributes_;
};

// Inputs: those of AttentionOp, then out, log_sum_exp, d_out [B, queries, d].
// Outputs: the gradients of the floating inputs of AttentionOp in their order (random has none).
// Rebuilds the probabilities from log_sum_exp, and takes the sum over a row of probabilities times
// their gradients as d_out . out; nothing of size queries x keys is kept between forward and
// backward.
class AttentionGradOp : public Op {
 public:
  explicit AttentionGradOp(AttentionAttributes attributes) : attributes_(attributes) {}
  const AttentionAttributes& attributes() const { return attributes_; }

  std::string_view Name() const override { return "attention_grad"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;

 private:
  AttentionAttributes attributes_;
};

// Places of the inputs of both ops; -1 where an input is absent.
struct AttentionInputs {
  int query = 0, key_value = 0;  // the same place if packed
  int r = -1, u = -1, v = -1, random = -1;
  int count = 0;  // of AttentionOp; out, log_sum_exp, d_out follow
};
AttentionInputs InputsOf(const AttentionAttributes& attributes);

// Sizes shared by the kernels.
struct AttentionSizes {
  int64_t batch = 0, width = 0, heads = 0, head_width = 0;
};
AttentionSizes SizesOf(const AttentionAttributes& attributes, std::span<const TensorSpec> in);

}  // namespace hourglass
