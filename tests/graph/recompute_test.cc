#include "hourglass/graph/recompute.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hourglass/graph/core_ops.h"
#include "hourglass/graph/gradient.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/optimizer.h"

namespace hourglass {
namespace {

const TensorSpec kMatrix{Shape{2, 2}, DType::kF64};

// Two parts "a" and "b", each a product and a GELU of its own result, then a product to one number.
struct Step {
  Graph graph;
  int forward_nodes = 0;
  Value product_a, gelu_a, product_b, gelu_b;
};

Step MakeStep() {
  Step step;
  Graph& g = step.graph;
  const Value x = g.Input("x", kMatrix);
  const Value weight = g.State("weight", kMatrix);
  g.set_scope("a");
  step.product_a = Matmul(g, x, weight);
  g.set_scope("a.inner");
  step.gelu_a = Gelu(g, Gelu(g, step.product_a));
  g.set_scope("b");
  step.product_b = Matmul(g, step.gelu_a, weight);
  step.gelu_b = Gelu(g, step.product_b);
  g.set_scope("ab");
  const Value row = Matmul(g, g.Input("row", {Shape{1, 2}, DType::kF64}), step.gelu_b);
  const Value loss = Matmul(g, row, g.Input("column", {Shape{2, 1}, DType::kF64}));
  g.MarkOutput(loss, "loss");
  step.forward_nodes = static_cast<int>(g.nodes().size());
  const Value seed = g.Input("seed", {Shape{1, 1}, DType::kF64});
  const auto d = AppendGradients(g, loss, seed, std::vector<Value>{weight});
  EXPECT_TRUE(d.ok()) << d.status();
  g.MarkOutput(*(*d)[0], "d_weight");
  return step;
}

DroppedNodes ScopeOf(const Step& step, std::string_view scope) {
  return NodesOfScope(step.graph, step.forward_nodes, scope);
}

Graph Rewritten(const Step& step, const DroppedNodes& dropped) {
  auto graph = Recompute(step.graph, step.forward_nodes, dropped);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

// "scope:op" of the repeated nodes in order.
std::vector<std::string> Repeated(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (node.recomputed) names.push_back(node.scope + ":" + std::string(node.op->Name()));
  }
  return names;
}

int ReadersOf(const Graph& graph, Value value, int first, int last) {
  int readers = 0;
  for (int n = first; n < last; ++n) {
    for (const Value in : graph.nodes()[static_cast<size_t>(n)].inputs) readers += in == value;
  }
  return readers;
}

TEST(NodesOfScopeTest, WhatIsReadOutsideIsKept) {
  const Step step = MakeStep();
  // a: product, GELU; its second GELU is read by b. The scope "ab" does not begin with "a.".
  EXPECT_EQ(ScopeOf(step, "a"), (DroppedNodes{true, true, false, false, false, false, false}));
  EXPECT_EQ(ScopeOf(step, "b"), (DroppedNodes{false, false, false, true, false, false, false}));
  EXPECT_EQ(ScopeOf(step, "a.inner"),
            (DroppedNodes{false, true, false, false, false, false, false}));
  EXPECT_EQ(ScopeOf(step, "c"), DroppedNodes(7, false));
}

TEST(ElementwiseNodesTest, WhatNeedsNoProductAndNothingMoreKept) {
  const Step step = MakeStep();
  // Every GELU: products are kept for their gradients, the second GELU of a follows the first.
  EXPECT_EQ(ElementwiseNodes(step.graph, step.forward_nodes, DroppedNodes(7, false)),
            (DroppedNodes{false, true, true, false, true, false, false}));
  // What is dropped cannot be had for nothing.
  EXPECT_EQ(ElementwiseNodes(step.graph, step.forward_nodes, ScopeOf(step, "a")),
            (DroppedNodes{false, false, false, false, true, false, false}));
}

TEST(ElementwiseNodesTest, ASumOfWhatIsNotKeptIsKept) {
  Graph g;
  const Value x = g.Input("x", kMatrix);
  const Value sum = Add(g, Matmul(g, x, x), x);  // the product is needed by nothing else
  Gelu(g, sum);
  const int forward_nodes = static_cast<int>(g.nodes().size());
  g.Add1(std::make_shared<GeluGradOp>(), {sum, x});
  EXPECT_EQ(ElementwiseNodes(g, forward_nodes, DroppedNodes(3, false)),
            (DroppedNodes{false, false, true}));
}

TEST(RecomputeTest, NothingDroppedIsTheSameGraph) {
  const Step step = MakeStep();
  const Graph graph = Rewritten(step, DroppedNodes(7, false));
  ASSERT_EQ(graph.nodes().size(), step.graph.nodes().size());
  for (size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node &got = graph.nodes()[n], &want = step.graph.nodes()[n];
    EXPECT_EQ(got.op, want.op);
    EXPECT_EQ(got.scope, want.scope);
    EXPECT_FALSE(got.recomputed);
    ASSERT_EQ(got.inputs.size(), want.inputs.size());
    for (size_t i = 0; i < got.inputs.size(); ++i) {
      EXPECT_EQ(graph.info(got.inputs[i]).node, step.graph.info(want.inputs[i]).node);
    }
  }
  ASSERT_EQ(graph.outputs().size(), 2u);
  EXPECT_EQ(graph.outputs()[1].first, "d_weight");
}

TEST(RecomputeTest, DroppedValuesAreMadeAgainOnceAndReadThereOnly) {
  const Step step = MakeStep();
  const Graph graph = Rewritten(step, ScopeOf(step, "a"));
  EXPECT_EQ(Repeated(graph),
            (std::vector<std::string>{"recompute/a:matmul", "recompute/a.inner:gelu"}));
  ASSERT_EQ(graph.nodes().size(), step.graph.nodes().size() + 2);
  const int end = static_cast<int>(graph.nodes().size());
  for (int n : {0, 1}) {
    const Value dropped = graph.nodes()[static_cast<size_t>(n)].outputs[0];
    EXPECT_EQ(ReadersOf(graph, dropped, step.forward_nodes, end), 0) << n;
    EXPECT_EQ(ReadersOf(graph, dropped, 0, step.forward_nodes), 1) << n;
  }
  // Right before the first node that reads it, not at the start of the backward pass.
  for (int n = step.forward_nodes; n < end; ++n) {
    const Node& node = graph.nodes()[static_cast<size_t>(n)];
    if (node.scope != "recompute/a.inner") continue;
    const Node& next = graph.nodes()[static_cast<size_t>(n) + 1];
    EXPECT_EQ(next.op->Name(), "gelu_grad");
    EXPECT_EQ(ReadersOf(graph, node.outputs[0], n + 1, n + 2), 1);
    EXPECT_GT(n, step.forward_nodes + 3);
  }
}

TEST(RecomputeTest, TheForwardPassKeepsItsPlaces) {
  const Step step = MakeStep();
  DroppedNodes all(7, true);
  const Graph graph = Rewritten(step, all);
  for (int n = 0; n < step.forward_nodes; ++n) {
    EXPECT_EQ(graph.nodes()[static_cast<size_t>(n)].op,
              step.graph.nodes()[static_cast<size_t>(n)].op);
    EXPECT_FALSE(graph.nodes()[static_cast<size_t>(n)].recomputed);
  }
  // Both products and the GELUs of a; the gradient of a product with GELU b needs the row alone.
  EXPECT_EQ(Repeated(graph).size(), 4u);
}

TEST(RecomputeTest, ProductsDoneAgainAreNoWorkOfTheModel) {
  const Step step = MakeStep();
  const Cost before = step.graph.CountFlops();
  const Cost after = Rewritten(step, ScopeOf(step, "a")).CountFlops();
  EXPECT_EQ(after.needed, before.needed);
  EXPECT_EQ(after.dense, before.dense);
  EXPECT_EQ(after.dense_trax, before.dense_trax);
  EXPECT_EQ(after.recompute, before.recompute + 2 * 2 * 2 * 2);  // one 2 x 2 x 2 product
  EXPECT_EQ(after.elementwise, before.elementwise + 4);
}

TEST(RecomputeTest, OutputsAndChangedStateAreNeverMadeAgain) {
  Graph g;
  const Value x = g.Input("x", kMatrix);
  const Value flag = g.Input("overwrite", {Shape{1}, DType::kU32});
  const Value state = g.State("cache", kMatrix);
  const Value h = Gelu(g, x);
  const Value cache = g.Add1(std::make_shared<AccumulateOp>(), {state, h, flag});
  g.MarkOutput(h, "h");
  const int forward_nodes = static_cast<int>(g.nodes().size());
  g.MarkOutput(Add(g, h, cache), "sum");
  const auto graph = Recompute(g, forward_nodes, DroppedNodes(2, true));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_TRUE(Repeated(*graph).empty());
}

TEST(RecomputeTest, TheGraphsOwnErrorIsPassedOn) {
  Step step = MakeStep();
  step.graph.SetError(absl::InvalidArgumentError("hierarchy"));
  EXPECT_EQ(Recompute(step.graph, step.forward_nodes, DroppedNodes(7, false)).status(),
            step.graph.status());
}

}  // namespace
}  // namespace hourglass
