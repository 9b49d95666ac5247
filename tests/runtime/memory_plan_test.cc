#include "hourglass/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/optimizer.h"

namespace hourglass {
namespace {

const TensorSpec kVector{Shape{1024}, DType::kF32};  // 4096 bytes
const TensorSpec kSmall{Shape{256}, DType::kF32};    // 1024 bytes

MemoryPlan PlanOf(const Graph& graph, const StateSpec& state = {}, MemoryPlanOptions options = {}) {
  auto plan = PlanMemory(graph, state, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

const MemoryPlan::Place& PlaceOf(const MemoryPlan& plan, Value value) {
  return plan.places[static_cast<size_t>(value.id)];
}

TEST(MemoryPlan, AChainNeedsTwoBuffersHoweverLong) {
  Graph graph;
  Value x = graph.Input("x", kVector);
  for (int i = 0; i < 10; ++i) x = Gelu(graph, x);
  graph.MarkOutput(x, "y");
  EXPECT_EQ(PlanOf(graph).temporary_bytes, 2 * 4096);
}

TEST(MemoryPlan, KeepAllReusesNothing) {
  Graph graph;
  Value x = graph.Input("x", kVector);
  for (int i = 0; i < 10; ++i) x = Gelu(graph, x);
  graph.MarkOutput(x, "y");
  EXPECT_EQ(PlanOf(graph, {}, {.keep_all = true}).temporary_bytes, 9 * 4096);
}

TEST(MemoryPlan, InPlaceTakesOverADyingInputOnly) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  const Value a = Gelu(graph, x);
  const Value b = Gelu(graph, x);
  const Value sum = Add(graph, a, b);     // a dies here
  const Value kept = Add(graph, b, sum);  // b dies here, sum lives on
  const Value last = Add(graph, sum, kept);
  graph.MarkOutput(last, "y");
  const MemoryPlan plan = PlanOf(graph);
  EXPECT_EQ(PlaceOf(plan, sum).offset, PlaceOf(plan, a).offset);
  EXPECT_EQ(PlaceOf(plan, kept).offset, PlaceOf(plan, b).offset);
  EXPECT_EQ(plan.temporary_bytes, 2 * 4096);
}

TEST(MemoryPlan, InPlaceNeverTouchesInputsOrAValueUsedTwiceInTheNode) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  const Value from_input = Add(graph, x, x);
  const Value a = Gelu(graph, from_input);
  const Value twice = Add(graph, a, a);
  graph.MarkOutput(Gelu(graph, twice), "y");
  const MemoryPlan plan = PlanOf(graph);
  EXPECT_EQ(PlaceOf(plan, from_input).block, MemoryPlan::Block::kTemporary);
  EXPECT_NE(PlaceOf(plan, twice).offset, PlaceOf(plan, a).offset);
}

TEST(MemoryPlan, AViewKeepsItsSourceAlive) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  const Value a = Gelu(graph, x);
  const Value view = Reshape(graph, a, Shape{32, 32});
  const Value b = Gelu(graph, x);
  const Value c = Gelu(graph, b);
  graph.MarkOutput(Add(graph, Reshape(graph, view, Shape{1024}), c), "y");
  const MemoryPlan plan = PlanOf(graph);
  EXPECT_EQ(PlaceOf(plan, view).offset, PlaceOf(plan, a).offset);
  EXPECT_NE(PlaceOf(plan, b).offset, PlaceOf(plan, a).offset);
  EXPECT_NE(PlaceOf(plan, c).offset, PlaceOf(plan, a).offset);
}

TEST(MemoryPlan, NoTwoLivingBuffersOverlap) {
  Graph graph;
  const Value x = graph.Input("x", kVector);
  const Value y = graph.Input("y", kSmall);
  std::vector<Value> wide, narrow;
  for (int i = 0; i < 5; ++i) {
    wide.push_back(Gelu(graph, x));
    narrow.push_back(Gelu(graph, y));
  }
  Value sum = wide[0], small = narrow[0];
  for (size_t i = 1; i < 5; ++i) {
    sum = Add(graph, sum, wide[i]);
    small = Add(graph, small, narrow[i]);
  }
  graph.MarkOutput(sum, "sum");
  graph.MarkOutput(small, "small");
  const MemoryPlan plan = PlanOf(graph);
  EXPECT_EQ(plan.temporary_bytes, 5 * (4096 + 1024));  // all ten live at once
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 5; ++j) {
      const int64_t w = PlaceOf(plan, wide[i]).offset, n = PlaceOf(plan, narrow[j]).offset;
      EXPECT_TRUE(n + 1024 <= w || w + 4096 <= n);
    }
  }
}

StateSpec TwoBuffers() {
  StateSpec state;
  state.Add("parameters", "a", kSmall);
  state.Add("parameters", "b", kSmall);
  return state;
}

TEST(MemoryPlan, RefusesToReadStateAfterItWasOverwritten) {
  Graph graph;
  const Value a = graph.State("a", kSmall);
  const Value flag = graph.Input("overwrite", {Shape{1}, DType::kU32});
  const Value value = Gelu(graph, a);
  graph.Add(std::make_shared<AccumulateOp>(), {a, value, flag});
  graph.MarkOutput(Gelu(graph, a), "late");
  const auto plan = PlanMemory(graph, TwoBuffers(), {});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(plan.status().message().find("'a' after it was overwritten"), absl::string_view::npos);
}

TEST(MemoryPlan, RefusesToReadATensorOfAnArenaThatWasOverwritten) {
  Graph graph;
  const Value arena = graph.State("parameters", {Shape{512}, DType::kF32});
  const Value b = graph.State("b", kSmall);
  const Value flag = graph.Input("overwrite", {Shape{1}, DType::kU32});
  graph.Add(std::make_shared<AccumulateOp>(), {arena, Gelu(graph, arena), flag});
  graph.MarkOutput(Gelu(graph, b), "late");
  EXPECT_EQ(PlanMemory(graph, TwoBuffers(), {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(MemoryPlan, TheNewValueAndOtherTensorsMayBeRead) {
  Graph graph;
  const Value a = graph.State("a", kSmall);
  const Value flag = graph.Input("overwrite", {Shape{1}, DType::kU32});
  const Value now = graph.Add1(std::make_shared<AccumulateOp>(), {a, Gelu(graph, a), flag});
  graph.MarkOutput(Add(graph, now, graph.State("b", kSmall)), "y");
  const MemoryPlan plan = PlanOf(graph, TwoBuffers());
  EXPECT_EQ(PlaceOf(plan, now).block, MemoryPlan::Block::kState);
  EXPECT_EQ(PlaceOf(plan, now).offset, PlaceOf(plan, a).offset);
}

TEST(MemoryPlan, NamesUnknownAndDifferentState) {
  Graph unknown;
  unknown.State("c", kSmall);
  EXPECT_EQ(PlanMemory(unknown, TwoBuffers(), {}).status().code(), absl::StatusCode::kNotFound);
  Graph different;
  different.State("a", kVector);
  EXPECT_EQ(PlanMemory(different, TwoBuffers(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StateSpec, TensorsStartAtMultiplesOf64Bytes) {
  StateSpec spec;
  spec.Add("arena", "x", {Shape{3}, DType::kF32});
  spec.Add("arena", "y", {Shape{17}, DType::kF32});
  EXPECT_EQ(spec.Find("y")->byte_offset, 64);
  EXPECT_EQ(spec.Find("arena")->spec.Elements(), 16 + 32);
  EXPECT_EQ(spec.Find("z"), nullptr);
}

}  // namespace
}  // namespace hourglass
