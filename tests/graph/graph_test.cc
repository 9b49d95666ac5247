#include "hourglass/graph/graph.h"

#include <gtest/gtest.h>

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/matmul.h"

namespace hourglass {
namespace {

const TensorSpec kVector{Shape{4}, DType::kF32};
const TensorSpec kOther{Shape{5}, DType::kF32};

void ExpectError(const Graph& graph, const std::string& what) {
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument) << graph.status();
  EXPECT_NE(std::string(graph.status().message()).find(what), std::string::npos) << graph.status();
}

TEST(Graph, RecordsNodesInOrderWithScopeAndNames) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  graph.set_scope("pre.0");
  const Value y = Add(graph, x, x);
  graph.set_scope("pre.1");
  const Value z = Add(graph, y, x);
  graph.MarkOutput(z, "z");
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  ASSERT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(graph.nodes()[0].scope, "pre.0");
  EXPECT_EQ(graph.nodes()[1].scope, "pre.1");
  EXPECT_EQ(graph.nodes()[1].inputs, (std::vector<Value>{y, x}));
  EXPECT_EQ(graph.info(y).node, 0);
  EXPECT_EQ(graph.info(z).kind, ValueKind::kTemporary);
  EXPECT_EQ(graph.info(x).kind, ValueKind::kInput);
  EXPECT_EQ(graph.info(x).name, "x");
  ASSERT_EQ(graph.outputs().size(), 1u);
  EXPECT_EQ(graph.outputs()[0].first, "z");
  EXPECT_EQ(graph.outputs()[0].second, z);
}

TEST(Graph, StateIsOneValuePerName) {
  Graph graph;
  const Value w = graph.State("w", kVector);
  EXPECT_EQ(graph.State("w", kVector), w);
  EXPECT_FALSE(graph.State("v", kVector) == w);
  EXPECT_TRUE(graph.status().ok());
  graph.State("w", kOther);
  ExpectError(graph, "'w'");
}

TEST(Graph, ConstantIsOneValuePerName) {
  Graph graph;
  const auto fill = [](int64_t i) { return static_cast<double>(i); };
  const Value c = graph.Constant("sinusoids", kVector, fill);
  EXPECT_EQ(graph.Constant("sinusoids", kVector, fill), c);
  EXPECT_EQ(graph.info(c).fill(3), 3.0);
}

// An input, a state and a constant may share a name: they are found in different places.
TEST(Graph, KindsDoNotShareNames) {
  Graph graph;
  const Value input = graph.Input("x", kVector);
  const Value state = graph.State("x", kOther);
  EXPECT_FALSE(input == state);
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

TEST(Graph, TwoInputsOrOutputsOfOneNameAreAnError) {
  Graph inputs;
  inputs.Input("x", kVector);
  inputs.Input("x", kVector);
  ExpectError(inputs, "'x'");
  Graph outputs;
  const Value x = outputs.Input("x", kVector);
  outputs.MarkOutput(x, "y");
  outputs.MarkOutput(x, "y");
  ExpectError(outputs, "'y'");
}

TEST(Graph, KeepsTheFirstErrorAndSurvivesMoreRecording) {
  Graph graph;
  const Value x = graph.Input("x", kVector), y = graph.Input("y", kOther);
  graph.set_scope("pre.0.attention");
  const Value bad = Add(graph, x, y);
  graph.set_scope("later");
  graph.MarkOutput(Add(graph, bad, x), "out");
  graph.SetError(absl::InternalError("a later one"));
  ExpectError(graph, "add");
  ExpectError(graph, "'pre.0.attention'");
  ExpectError(graph, "f32[4], f32[5]");
  EXPECT_EQ(graph.nodes().size(), 0u);
}

TEST(Graph, BuildersCanReportTheirOwnErrors) {
  Graph graph;
  graph.SetError(absl::InvalidArgumentError("hierarchy"));
  ExpectError(graph, "hierarchy");
}

// [6, 4] x [4, 5] and [6, 5] x [5, 3], 2 FLOPs per multiply-add.
TEST(Graph, CountsFlopsOfARangeOfNodes) {
  Graph graph;
  const auto matrix = [](int64_t rows, int64_t columns) {
    return TensorSpec{Shape{rows, columns}, DType::kF32};
  };
  const Value x = graph.Input("x", matrix(6, 4));
  const Value y = Matmul(graph, x, graph.Input("a", matrix(4, 5)));
  const Value z = Matmul(graph, y, graph.Input("b", matrix(5, 3)));
  Add(graph, z, z);
  EXPECT_EQ(graph.CountFlops().needed, 2 * 6 * 4 * 5 + 2 * 6 * 5 * 3);
  EXPECT_EQ(graph.CountFlops(1).dense, 2 * 6 * 5 * 3);
  EXPECT_EQ(graph.CountFlops(0, 1).dense_trax, 2 * 6 * 4 * 5);
  EXPECT_EQ(graph.CountFlops(2).needed, 0);
  EXPECT_EQ(graph.CountFlops(2).elementwise, 18);
}

TEST(Cost, AddsFieldByField) {
  Cost a{.needed = 1, .dense = 2, .dense_trax = 3, .recompute = 4, .elementwise = 5, .bytes = 6};
  a += Cost{
      .needed = 10, .dense = 20, .dense_trax = 30, .recompute = 40, .elementwise = 50, .bytes = 60};
  EXPECT_EQ(a.needed, 11);
  EXPECT_EQ(a.dense, 22);
  EXPECT_EQ(a.dense_trax, 33);
  EXPECT_EQ(a.recompute, 44);
  EXPECT_EQ(a.elementwise, 55);
  EXPECT_EQ(a.bytes, 66);
}

TEST(CoreOps, CastToTheSameTypeRecordsNothing) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  EXPECT_EQ(Cast(graph, x, DType::kF32), x);
  const Value narrow = Cast(graph, x, DType::kBF16);
  EXPECT_EQ(graph.spec(narrow).dtype, DType::kBF16);
  EXPECT_EQ(graph.nodes().size(), 1u);
}

}  // namespace
}  // namespace hourglass
