#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"

namespace hourglass {

// Appends the backward pass of `loss` (one element) with the given seed gradient (same spec) and
// returns d loss / d value for each value of `wrt`, none where the loss does not depend on it.
// Contributions to one value are summed with Add in reverse order of use, so the order of
// additions, and with it every bit, is fixed by the graph. `on_complete(i, gradient of wrt[i])` is
// called as soon as that sum has its last term, in the middle of the pass; it may append nodes that
// use it up.
//
// Errors: FailedPrecondition naming the op and scope if a node on the way is not differentiable;
// the graph's own first error.
absl::StatusOr<std::vector<std::optional<Value>>> AppendGradients(
    Graph& graph, Value loss, Value seed, std::span<const Value> wrt,
    const std::function<void(size_t, Value)>& on_complete = {});

}  // namespace hourglass
