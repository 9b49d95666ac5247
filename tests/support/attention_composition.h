#pragma once
// Attention as a formula of plain ops: a second way to the numbers of the fused op
// (ops/attention.h), and by automatic differentiation to its gradients.

#include <memory>
#include <vector>

#include "hourglass/graph/graph.h"
#include "hourglass/ops/attention.h"
#include "hourglass/runtime/backend.h"

namespace hourglass::testing {

struct ComposedAttention {
  Value out;      // [B, queries, d]
  Value sum_exp;  // [B H queries, 1], whose logarithm is log_sum_exp
};

// `in` as for AttentionOp. All heads of all sequences are rows of one product of which the diagonal
// blocks are used, and exponentials are not shifted by the largest score: for small sizes and
// scores.
ComposedAttention ComposeAttention(Graph& graph, const AttentionAttributes& attributes,
                                   const std::vector<Value>& in);

// The reference backend and the ops that the composition adds to the engine's.
std::shared_ptr<Backend> MakeCompositionBackend();

}  // namespace hourglass::testing
