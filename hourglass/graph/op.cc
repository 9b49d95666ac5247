#include "hourglass/graph/op.h"

#include "hourglass/graph/graph.h"

namespace hourglass {

Cost& Cost::operator+=(const Cost& other) {
  needed += other.needed;
  dense += other.dense;
  dense_trax += other.dense_trax;
  recompute += other.recompute;
  elementwise += other.elementwise;
  bytes += other.bytes;
  return *this;
}

int64_t TotalBytes(std::span<const TensorSpec> specs) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : specs) bytes += spec.Bytes();
  return bytes;
}

Cost ProductCost(int64_t flops) {
  Cost cost;
  cost.needed = cost.dense = cost.dense_trax = flops;
  return cost;
}

Cost Op::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  for (const TensorSpec& spec : out) cost.elementwise += spec.Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> Op::Gradient(Graph& /*graph*/, const Node& node,
                                               std::span<const std::optional<Value>> /*d_out*/,
                                               const std::vector<bool>& /*wanted*/) const {
  return std::vector<std::optional<Value>>(node.inputs.size());
}

}  // namespace hourglass
