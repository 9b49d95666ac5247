// How AppendGradients walks a graph; that each op's own gradient is right is
// tests/ops/gradient_test.

#include "hourglass/graph/gradient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"
#include "hourglass/ops/optimizer.h"
#include "tests/support/backends.h"
#include "tests/support/gradcheck.h"
#include "tests/support/host_program.h"

namespace hourglass {
namespace {

using testing::HostTensor;

TensorSpec Matrix(int64_t rows, int64_t columns) { return {Shape{rows, columns}, DType::kF64}; }

HostTensor Numbers(int64_t rows, int64_t columns, double first) {
  HostTensor tensor{Matrix(rows, columns), {}};
  for (int64_t i = 0; i < rows * columns; ++i) {
    tensor.values.push_back(std::sin(first + 1.7 * static_cast<double>(i)));
  }
  return tensor;
}

// The sum of all elements, as a product with ones.
Value Sum(Graph& graph, Value x) {
  const int64_t elements = graph.spec(x).Elements();
  const Value ones = graph.Constant("ones" + std::to_string(elements), Matrix(elements, 1),
                                    [](int64_t) { return 1.0; });
  return Matmul(graph, Reshape(graph, x, Shape{1, elements}), ones);
}

TEST(AppendGradients, AValueUsedSeveralTimesGetsTheSum) {
  const auto build = [](Graph& graph, const std::vector<Value>& in) {
    const Value square = Matmul(graph, in[0], in[0]);  // twice in one node
    return Sum(graph, Add(graph, Add(graph, square, in[0]), Gelu(graph, in[0])));
  };
  EXPECT_EQ(testing::CheckGradients(build, {Numbers(3, 3, 0.1)}, {.wrt = {0}}), "");
}

TEST(AppendGradients, AChainOfManyKindsOfOps) {
  const auto build = [](Graph& graph, const std::vector<Value>& in) {
    Value h = MatmulBias(graph, in[0], in[1], Reshape(graph, in[2], Shape{6}));
    h = Gelu(graph, h);
    h = LayerNorm(graph, h, Reshape(graph, in[3], Shape{6}), Reshape(graph, in[2], Shape{6}));
    h = ShiftRows(graph, Reshape(graph, h, Shape{2, 2, 6}), 1, 2);
    return Sum(graph, Matmul(graph, h, in[4]));
  };
  EXPECT_EQ(testing::CheckGradients(build,
                                    {Numbers(4, 5, 0.1), Numbers(5, 6, 0.2), Numbers(1, 6, 0.3),
                                     Numbers(1, 6, 0.4), Numbers(6, 3, 0.5)},
                                    {.wrt = {0, 1, 2, 3, 4}}),
            "");
}

// A wrong gradient has to be seen, or all the tests above prove nothing. (A view, as it needs no
// kernel of its own.)
TEST(CheckGradients, NoticesAWrongGradient) {
  class WrongReshape : public ReshapeOp {
   public:
    using ReshapeOp::ReshapeOp;
    std::vector<std::optional<Value>> Gradient(Graph& graph, const Node& node,
                                               std::span<const std::optional<Value>> d_out,
                                               const std::vector<bool>& wanted) const override {
      const Value right = *ReshapeOp::Gradient(graph, node, d_out, wanted)[0];
      return {Add(graph, right, Fill(graph, graph.spec(right), 1e-4))};
    }
  };
  const auto build = [](Graph& graph, const std::vector<Value>& in) {
    const Value wrong = graph.Add1(std::make_shared<WrongReshape>(Shape{4}), {in[0]});
    return Sum(graph, Gelu(graph, wrong));
  };
  const std::string findings = testing::CheckGradients(build, {Numbers(2, 2, 0.1)}, {.wrt = {0}});
  EXPECT_NE(findings.find("input 0 along a random direction"), std::string::npos) << findings;
  EXPECT_NE(findings.find("input 0 at element 3"), std::string::npos) << findings;
}

TEST(AppendGradients, NothingForWhatTheLossDoesNotDependOn) {
  Graph graph;
  const Value x = graph.Input("x", Matrix(1, 1)), y = graph.Input("y", Matrix(1, 1));
  const Value unused = Gelu(graph, y);
  const Value loss = Gelu(graph, x);
  const Value seed = graph.Input("seed", Matrix(1, 1));
  const auto d = AppendGradients(graph, loss, seed, std::vector<Value>{x, y, unused});
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_TRUE((*d)[0].has_value());
  EXPECT_FALSE((*d)[1].has_value());
  EXPECT_FALSE((*d)[2].has_value());
}

TEST(AppendGradients, TheLossItselfHasTheSeed) {
  Graph graph;
  const Value x = graph.Input("x", Matrix(1, 1));
  const Value seed = graph.Input("seed", Matrix(1, 1));
  const auto d = AppendGradients(graph, x, seed, std::vector<Value>{x});
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ((*d)[0], seed);
  EXPECT_TRUE(graph.nodes().empty());
}

// Nothing is recorded for inputs nobody asked for: here the product for d_weight.
TEST(AppendGradients, RecordsOnlyWhatIsWanted) {
  Graph graph;
  const Value x = graph.Input("x", Matrix(1, 3)), weight = graph.Input("weight", Matrix(3, 1));
  const Value loss = Matmul(graph, x, weight);
  const Value seed = graph.Input("seed", Matrix(1, 1));
  ASSERT_TRUE(AppendGradients(graph, loss, seed, std::vector<Value>{x}).ok());
  EXPECT_EQ(graph.nodes().size(), 2u);
}

TEST(AppendGradients, BackwardNodesCarryTheirScope) {
  Graph graph;
  graph.set_scope("pre.0");
  const Value x = graph.Input("x", Matrix(1, 1));
  const Value loss = Gelu(graph, x);
  graph.set_scope("outside");
  const Value seed = graph.Input("seed", Matrix(1, 1));
  ASSERT_TRUE(AppendGradients(graph, loss, seed, std::vector<Value>{x}).ok());
  EXPECT_EQ(graph.nodes().back().scope, "gradient/pre.0");
  EXPECT_EQ(graph.scope(), "outside");
}

// x is used by three nodes; the sum is complete once, with the value that is returned, and a node
// recorded in the call comes before the rest of the pass.
TEST(AppendGradients, TellsWhenAGradientIsComplete) {
  Graph graph;
  const Value early = graph.Input("early", Matrix(1, 1)), late = graph.Input("late", Matrix(1, 1));
  const Value h = Gelu(graph, Add(graph, early, early));
  const Value loss = Add(graph, Add(graph, h, late), late);
  const Value seed = graph.Input("seed", Matrix(1, 1));
  std::vector<std::pair<size_t, Value>> calls;
  std::vector<size_t> recorded;
  const auto d = AppendGradients(graph, loss, seed, std::vector<Value>{early, late},
                                 [&](size_t i, Value gradient) {
                                   calls.emplace_back(i, gradient);
                                   recorded.push_back(graph.nodes().size());
                                 });
  ASSERT_TRUE(d.ok()) << d.status();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0], (std::pair<size_t, Value>{1, *(*d)[1]}));
  EXPECT_EQ(calls[1], (std::pair<size_t, Value>{0, *(*d)[0]}));
  EXPECT_LT(recorded[0], recorded[1]);
}

TEST(AppendGradients, ANodeWithoutGradientIsNamedWithItsScope) {
  Graph graph;
  const Value x = graph.Input("x", {Shape{4}, DType::kF64});
  graph.set_scope("norms");
  const Value loss = graph.Add1(std::make_shared<SumSquaresOp>(), {x});
  const Value seed = graph.Input("seed", {Shape{1}, DType::kF64});
  const auto d = AppendGradients(graph, loss, seed, std::vector<Value>{x});
  EXPECT_EQ(d.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(d.status().message()).find("'sum_squares' in 'norms'"), std::string::npos)
      << d.status();
}

// ... but only if it lies on the way.
TEST(AppendGradients, ANodeWithoutGradientBesideTheWayIsNoError) {
  Graph graph;
  const Value x = graph.Input("x", {Shape{1}, DType::kF64});
  graph.Add1(std::make_shared<SumSquaresOp>(), {x});
  const Value loss = Gelu(graph, x);
  const Value seed = graph.Input("seed", {Shape{1}, DType::kF64});
  EXPECT_TRUE(AppendGradients(graph, loss, seed, std::vector<Value>{x}).ok());
}

TEST(AppendGradients, WrongLossOrSeedIsRefused) {
  Graph graph;
  const Value x = graph.Input("x", Matrix(1, 2));
  const Value one = graph.Input("one", Matrix(1, 1));
  EXPECT_EQ(AppendGradients(graph, Gelu(graph, x), x, std::vector<Value>{x}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AppendGradients(graph, Gelu(graph, one), x, std::vector<Value>{one}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AppendGradients, TokenNatsAreForReading) {
  Graph graph;
  const Value logits = graph.Input("logits", {Shape{1, 1, 3}, DType::kF64});
  const Value targets = graph.Input("targets", {Shape{1, 1}, DType::kI32});
  const CrossEntropyValues values = CrossEntropy(graph, logits, targets, std::nullopt);
  const Value loss = Reshape(graph, values.token_nats, Shape{1});
  const Value seed = graph.Input("seed", {Shape{1}, DType::kF64});
  const auto d = AppendGradients(graph, loss, seed, std::vector<Value>{logits});
  EXPECT_EQ(d.status().code(), absl::StatusCode::kFailedPrecondition) << d.status();
}

TEST(AppendGradients, TheGraphsOwnErrorIsPassedOn) {
  Graph graph;
  const Value x = graph.Input("x", Matrix(1, 1));
  graph.SetError(absl::InvalidArgumentError("hierarchy"));
  EXPECT_EQ(AppendGradients(graph, x, x, std::vector<Value>{x}).status(), graph.status());
}

}  // namespace
}  // namespace hourglass
