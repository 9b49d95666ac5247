#pragma once
// What an operation promises: shapes, cost, gradient, aliasing. No arithmetic, no memory, no
// device.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass {

class Graph;
struct Node;

// A value of a Graph: input, state, constant or result of a node. Valid only with its Graph.
struct Value {
  int32_t id = -1;
  bool valid() const { return id >= 0; }
  friend bool operator==(Value, Value) = default;
};

// Convention flops-v1: a multiply-add counts 2, only products count, padding included. One call of
// the op at its real (padded) shapes; the batch is inside.
struct Cost {
  int64_t needed = 0;       // visible (query, key) pairs only
  int64_t dense = 0;        // full squares, as a kernel that ignores the mask would do
  int64_t dense_trax = 0;   // dense, as the authors' program does it (2n-1 offsets in resamplers)
  int64_t recompute = 0;    // dense products that rebuild what was not kept; not model FLOPs
  int64_t elementwise = 0;  // everything that is not a product; never used for matching
  int64_t bytes = 0;        // inputs read once plus outputs written once

  Cost& operator+=(const Cost& other);
};

// An op that changes state in place: input `state_input` (a state value) holds output `output`
// after the node.
struct Mutation {
  int state_input = 0;
  int output = 0;
};

// An output that is a window of an input: no kernel runs, no memory is taken.
struct Alias {
  int input = 0;
  int64_t byte_offset = 0;
};

class Op {
 public:
  virtual ~Op() = default;

  virtual std::string_view Name() const = 0;
  // Attributes for the dump, stable: "k=3 scale=0.333". Empty if there are none.
  virtual std::string Attributes() const { return ""; }
  // Output specs, or InvalidArgument that says which input is wrong and how.
  virtual absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const = 0;
  // Inputs and outputs are as inferred. The default is elementwise: one operation per output
  // element.
  virtual Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const;
  // Appends the nodes of the backward pass; returns one gradient per input (none where the input
  // has no gradient or `wanted` is false). d_out has one entry per output; none means zero. A
  // gradient has the shape of its value and its type, or for a bf16 value f32.
  virtual std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                                     std::span<const std::optional<Value>> d_out,
                                                     const std::vector<bool>& wanted) const;
  virtual bool Differentiable() const { return false; }
  virtual std::vector<Mutation> Mutates() const { return {}; }
  virtual std::optional<Alias> View(int /*output*/) const { return std::nullopt; }
  // The input whose memory `output` may take over when it is not needed afterwards: a permission
  // for the memory plan, valid for every kernel of the op.
  virtual std::optional<int> MayRunInPlace(int /*output*/) const { return std::nullopt; }
};

// Sum of the bytes of some specs.
int64_t TotalBytes(std::span<const TensorSpec> specs);

// A Cost of products only, the same in all three names.
Cost ProductCost(int64_t flops);

}  // namespace hourglass
