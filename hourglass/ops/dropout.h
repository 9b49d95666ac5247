#pragma once

#include "hourglass/base/counter_rng.h"
#include "hourglass/graph/graph.h"

namespace hourglass {

// The input that feeds every random draw: u32[4] = {seed low, seed high, update step, global index
// of the first sequence of this micro-batch}.
inline constexpr int64_t kRandomInputSize = 4;
absl::Status ExpectRandom(std::string_view op, const TensorSpec& got);
// Of an op that drops elements of x: a rate in [0, 1) and a batch axis.
absl::Status ExpectDropout(std::string_view op, double rate, const TensorSpec& x);

// x [B, ..], random u32[4] -> x / (1 - rate) where kept, else 0. Row b is global sequence
// random[3] + b; element e of a sequence is its row-major index there and is kept iff its draw
// (base/counter_rng.h) is at least DropoutThreshold(rate).
class DropoutOp : public Op {
 public:
  DropoutOp(double rate, RandomSite site) : rate_(rate), site_(site) {}
  double rate() const { return rate_; }
  RandomSite site() const { return site_; }

  std::string_view Name() const override { return "dropout"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  // The same mask on the gradient: drawn again, not kept.
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<int> MayRunInPlace(int) const override { return 0; }

 private:
  double rate_;
  RandomSite site_;
};

// x + dropout(branch), as DropoutOp and AddOp would give it: x [B, ..], branch of its spec, random
// u32[4] -> [B, ..], which may take over the memory of the branch.
class ResidualOp : public Op {
 public:
  ResidualOp(double rate, RandomSite site) : rate_(rate), site_(site) {}
  double rate() const { return rate_; }
  RandomSite site() const { return site_; }

  std::string_view Name() const override { return "residual"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                             std::span<const std::optional<Value>> d_out,
                                             const std::vector<bool>& wanted) const override;
  bool Differentiable() const override { return true; }
  std::optional<int> MayRunInPlace(int) const override { return 1; }

 private:
  double rate_;
  RandomSite site_;
};

}  // namespace hourglass
