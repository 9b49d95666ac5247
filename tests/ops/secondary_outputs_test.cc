// The last outputs of some ops are kept for the backward pass and for reading (log_sum_exp, mean,
// rstd, token_nats). A loss that depends on one must be refused: its gradient would be silently
// wrong.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "hourglass/graph/core_ops.h"
#include "hourglass/graph/gradient.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/op_case.h"

namespace hourglass::testing {
namespace {

// A weighted sum of all elements.
Value WeightedSum(Graph& graph, Value x, const std::string& weights_name) {
  const int64_t elements = graph.spec(x).Elements();
  const Value weights = graph.Input(weights_name, {Shape{elements, 1}, DType::kF64});
  return Matmul(graph, Reshape(graph, x, Shape{1, elements}), weights);
}

// Takes the gradients of a loss that depends on two outputs of a case, which may be the same.
absl::Status GradientsThrough(const OpCase& op_case, size_t first, size_t second) {
  Graph graph;
  graph.set_scope("pre.0");
  std::vector<Value> in, wrt;
  for (const HostTensor& input : MakeInputs(op_case, DType::kF64)) {
    in.push_back(graph.Input("in" + std::to_string(in.size()), input.spec));
  }
  for (const int i : op_case.differentiable) wrt.push_back(in[static_cast<size_t>(i)]);
  const std::vector<Value> out = graph.Add(op_case.make(DType::kF64), in);
  const Value loss = Add(graph, WeightedSum(graph, out[first], "first"),
                         WeightedSum(graph, out[second], "second"));
  const Value seed = graph.Input("seed", graph.spec(loss));
  return AppendGradients(graph, loss, seed, wrt).status();
}

TEST(SecondaryOutputs, TheirGradientIsRefusedByName) {
  std::set<std::string> seen;
  for (const OpCase& op_case : AllOpCases()) {
    if (op_case.differentiable.empty() || !seen.insert(op_case.OpName()).second) continue;
    const auto outputs =
        op_case.make(DType::kF64)->Infer(SpecsOf(MakeInputs(op_case, DType::kF64)));
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < op_case.gradient_outputs; ++i) {
      EXPECT_TRUE(GradientsThrough(op_case, i, i).ok());
    }
    for (size_t i = op_case.gradient_outputs; i < outputs->size(); ++i) {
      for (const size_t other : {size_t{0}, i}) {
        const absl::Status status = GradientsThrough(op_case, i, other);
        EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << op_case.name;
        const std::string message(status.message());
        EXPECT_EQ(message.find(op_case.OpName() + ": "), 0u) << message;
        EXPECT_NE(message.find("'pre.0'"), std::string::npos) << message;
      }
    }
  }
  for (const char* op : {"attention", "cross_entropy", "layer_norm", "residual_norm"}) {
    EXPECT_TRUE(seen.contains(op)) << op;
  }
}

}  // namespace
}  // namespace hourglass::testing
