#pragma once
// Trading time for memory: values of the forward pass that the backward pass needs are not kept but
// computed again just before it reads them. Every bit stays the same, for the ops are pure and a
// random mask is a function of its site, not of the node.

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"

namespace hourglass {

// By node of the forward pass: is its result dropped after its last use there?
using DroppedNodes = std::vector<bool>;

// The nodes recorded in `scope` or below it, except those whose result the forward pass reads
// outside of it: the scope is computed again from what it was given. Empty sets have no true.
DroppedNodes NodesOfScope(const Graph& graph, int forward_nodes, std::string_view scope);

// The nodes that do no product and whose inputs are there in the backward pass anyway, because they
// are parameters or inputs, are kept for it by themselves, or can be had the same way (norms, GELU,
// pooling). `dropped` are the nodes that are dropped already.
DroppedNodes ElementwiseNodes(const Graph& graph, int forward_nodes, const DroppedNodes& dropped);

// The same graph with the results of `dropped` computed again, in the order in which nodes from
// `forward_nodes` on read them, each at most once. Nodes of the forward pass keep their places.
// Results that are marked as outputs or that change state are never dropped.
absl::StatusOr<Graph> Recompute(const Graph& graph, int forward_nodes, const DroppedNodes& dropped);

}  // namespace hourglass
