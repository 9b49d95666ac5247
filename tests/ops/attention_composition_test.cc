// The fused attention against the same formula made of plain ops: outputs, and gradients that
// AppendGradients takes from the plain ops.

#include "tests/support/attention_composition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/generators.h"
#include "tests/support/gradcheck.h"

namespace hourglass::testing {
namespace {

struct Case {
  std::string name;
  AttentionGeometry geometry;
  bool packed, relative, dropout;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Every form of attention at lengths that no tile divides, most longer than one.
std::vector<Case> AllCases() {
  const std::pair<const char*, AttentionGeometry> geometries[] = {
      {"self_n37", {.queries = 37, .keys = 37}},
      {"down_k3_m11", {.queries = 11, .keys = 33, .query_step = 3}},
      {"down_k2_m41", {.queries = 41, .keys = 82, .query_step = 2}},
      {"up_k3_m33", {.queries = 99, .keys = 33, .key_step = 3}},
      {"up_k2_m41", {.queries = 82, .keys = 41, .key_step = 2}},
  };
  std::vector<Case> cases;
  for (const auto& [name, geometry] : geometries) {
    for (int form = 0; form < 8; ++form) {
      const bool packed = (form & 1) != 0, relative = (form & 2) != 0, dropout = (form & 4) != 0;
      if (packed && geometry.queries != geometry.keys) continue;
      cases.push_back({std::string(name) + (packed ? "_packed" : "") +
                           (relative ? "_relative" : "") + (dropout ? "_dropout" : ""),
                       geometry, packed, relative, dropout});
    }
  }
  return cases;
}

constexpr int64_t kBatch = 2, kHeads = 3, kHeadWidth = 5;

AttentionAttributes AttributesOf(const Case& c) {
  return {.geometry = c.geometry,
          .heads = kHeads,
          .relative = c.relative,
          .packed = c.packed,
          .dropout = c.dropout ? 0.3 : 0.0,
          .site = MakeRandomSite("test.composition")};
}

// The inputs of the op; then the weights of the loss, [elements of out, 1].
OpCase InputsOfCase(const Case& c) {
  const AttentionGeometry& g = c.geometry;
  const int64_t width = kHeads * kHeadWidth;
  OpCase result{.name = c.name, .make = Makes<AttentionOp>(AttributesOf(c))};
  if (c.packed) {
    result.inputs = {Floats({kBatch, g.queries, 3 * width})};
  } else {
    result.inputs = {Floats({kBatch, g.queries, width}), Floats({kBatch, g.keys, 2 * width})};
  }
  if (c.relative) {
    result.inputs.push_back(Floats({g.Positions(), width}));
    result.inputs.push_back(Floats({kHeads, kHeadWidth}));
    result.inputs.push_back(Floats({kHeads, kHeadWidth}));
  }
  if (c.dropout) result.inputs.push_back(RandomInput());
  result.inputs.push_back(Floats({kBatch * g.queries * width, 1}));
  return result;
}

class AttentionCompositionTest : public ::testing::TestWithParam<Case> {
 protected:
  using Attention = std::pair<Value, Value>;  // out, log_sum_exp or sum_exp
  using Recorder = std::function<Attention(Graph&, const std::vector<Value>& in)>;

  // The two outputs, then the gradients of the loss weights . out.
  static absl::StatusOr<std::vector<HostTensor>> Run(const Recorder& record,
                                                     const std::vector<HostTensor>& inputs,
                                                     std::shared_ptr<Backend> backend) {
    const auto build = [&](Graph& graph, const std::vector<Value>& in) {
      const auto [out, sums] = record(graph, {in.begin(), in.end() - 1});
      graph.MarkOutput(out, "out");
      graph.MarkOutput(sums, "sums");
      const Shape row{1, graph.spec(out).Elements()};
      return Matmul(graph, Reshape(graph, out, row), in.back());
    };
    std::vector<int> wrt;
    for (size_t i = 0; i + 1 < inputs.size(); ++i) {
      if (IsFloating(inputs[i].spec.dtype)) wrt.push_back(static_cast<int>(i));
    }
    return RunWithGradients(build, inputs, wrt, std::move(backend));
  }

  absl::StatusOr<std::vector<HostTensor>> Fused(const std::vector<HostTensor>& inputs,
                                                std::shared_ptr<Backend> backend) const {
    const auto record = [this](Graph& graph, const std::vector<Value>& in) {
      const auto out = graph.Add(std::make_shared<AttentionOp>(attributes_), in);
      return Attention(out[0], out[1]);
    };
    return Run(record, inputs, std::move(backend));
  }

  // In f64, the second output as the fused op gives it.
  absl::StatusOr<std::vector<HostTensor>> Composed(const std::vector<HostTensor>& inputs) const {
    const auto record = [this](Graph& graph, const std::vector<Value>& in) {
      const ComposedAttention attention = ComposeAttention(graph, attributes_, in);
      return Attention(attention.out, attention.sum_exp);
    };
    HG_ASSIGN_OR_RETURN(
        std::vector<HostTensor> results,
        Run(record, WithFloatingType(inputs, DType::kF64), MakeCompositionBackend()));
    results[1].spec.shape = Shape{kBatch, kHeads, attributes_.geometry.queries};
    for (double& sum : results[1].values) sum = std::log(sum);
    return results;
  }

  void Compare(std::shared_ptr<Backend> backend, DType dtype, ErrorBound bound) const {
    OpCase op_case = InputsOfCase(GetParam());
    op_case.bound = std::move(bound);
    const std::vector<HostTensor> inputs = MakeInputs(op_case, dtype);
    const auto composed = Composed(inputs), fused = Fused(inputs, std::move(backend));
    ASSERT_TRUE(composed.ok()) << composed.status();
    ASSERT_TRUE(fused.ok()) << fused.status();
    Oracle oracle{*composed, {}};
    for (const HostTensor& output : oracle.outputs) {
      oracle.scales.emplace_back(output.values.size(), LargestAbsolute(output.values));
    }
    EXPECT_EQ(Mistrust(op_case, oracle, dtype), "");
    EXPECT_EQ(CompareOutputs(op_case, oracle, *fused, dtype), "");
    RecordProperty("worst_ratio", std::to_string(WorstRatio(oracle, *fused)));
  }

  const AttentionAttributes attributes_ = AttributesOf(GetParam());
};

INSTANTIATE_TEST_SUITE_P(All, AttentionCompositionTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(AttentionCompositionTest, ReferenceGivesTheSameInF64) {
  Compare(Reference(), DType::kF64,
          {64.0, ErrorScale::kLargest,
           "about 1e-14: the same sums of at most 600 products in another order"});
}

TEST_P(AttentionCompositionTest, OneDnnGivesTheSameInF32) {
  Compare(MakeOneDnnBackend(), DType::kF32,
          {16.0, ErrorScale::kLargest,
           "as in the op cases: scores of size up to 10 carry their roundings through exp"});
}

}  // namespace
}  // namespace hourglass::testing
