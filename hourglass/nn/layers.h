#pragma once
// The small layers every block is made of. Each records into the scope it is given, under the
// canonical parameter names of parity/README section 3.

#include "hourglass/nn/scope.h"

namespace hourglass {

// x [.., in] -> [.., out]: x W + b with scope.{weight,bias}.
Value Linear(const Scope& scope, Value x, int64_t in, int64_t out,
             Consumer consumer = Consumer::kStream);

// x [.., in] -> [.., parts out]: several maps of one input as one product, stored as
// scope.<joined>.{weight,bias}. For attention.
Value PackedLinear(const Scope& scope, Value x, std::string_view joined,
                   std::span<const std::string_view> parts, int64_t in, int64_t out);

// LayerNorm with scope.{scale,bias} over the last axis of width d.
Value Norm(const Scope& scope, Value x, int64_t d, Consumer consumer = Consumer::kStream);

// x + Drop(branch), its mask drawn at `site`, and the Norm of that sum; all of width d.
struct SumAndNorm {
  Value sum, normal;
};
SumAndNorm ResidualNorm(const Scope& scope, Value x, Value branch, RandomSite site, int64_t d,
                        Consumer consumer);

// residual + Drop(out(Drop(gelu(in(x))))) with scope.{in,out}.{weight,bias}: [.., d], hidden width
// f. The masks are drawn at scope.hidden and scope.dropout.
Value FeedForward(const Scope& scope, Value x, Value residual, int64_t d, int64_t f);

}  // namespace hourglass
