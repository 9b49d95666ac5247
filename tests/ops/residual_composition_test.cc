// The ops that take the residual stream into themselves against the plain ops they replace: the
// same numbers, for they do the same operations in the same order.

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"
#include "tests/support/backends.h"
#include "tests/support/generators.h"
#include "tests/support/gradcheck.h"

namespace hourglass::testing {
namespace {

constexpr RandomSite kSite = MakeRandomSite("test.composition");

// Records outputs from the inputs before the last ones, which are the weights of the loss.
using Recorder = std::function<std::vector<Value>(Graph&, const std::vector<Value>& in)>;

// The outputs, then the gradients of a linear function of those of `loss_of`.
std::vector<HostTensor> OutputsAndGradients(const Recorder& record,
                                            const std::vector<HostTensor>& inputs,
                                            const std::vector<size_t>& loss_of,
                                            std::shared_ptr<Backend> backend) {
  const auto build = [&](Graph& graph, const std::vector<Value>& in) {
    const std::vector<Value> out = record(graph, in);
    for (size_t i = 0; i < out.size(); ++i) graph.MarkOutput(out[i], "out" + std::to_string(i));
    std::optional<Value> loss;
    for (const size_t i : loss_of) {
      const Value wide = Cast(graph, out[i], WideType(graph.spec(out[i]).dtype));
      const Value weights = in[in.size() - 2 + i];
      const Value row = Reshape(graph, wide, Shape{1, graph.spec(wide).Elements()});
      const Value part = Matmul(graph, row, weights);
      loss = loss ? Add(graph, *loss, part) : part;
    }
    return *loss;
  };
  std::vector<int> wrt;
  for (size_t i = 0; i + 2 < inputs.size(); ++i) {
    if (IsFloating(inputs[i].spec.dtype)) wrt.push_back(static_cast<int>(i));
  }
  auto results = RunWithGradients(build, inputs, wrt, std::move(backend));
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<HostTensor>();
}

struct Case {
  std::string name;
  Shape x;
  double rate = 0.0;
  std::vector<size_t> loss_of = {0, 1};
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const double rate : {0.0, 0.3}) {
    const std::string name = rate > 0 ? "_dropout" : "";
    cases.push_back({"odd" + name, {3, 7, 33}, rate});
    cases.push_back({"sum_only" + name, {3, 7, 33}, rate, {0}});
    cases.push_back({"normal_only" + name, {3, 7, 33}, rate, {1}});
    cases.push_back({"one_row" + name, {5, 1, 30}, rate});
    cases.push_back({"threads" + name, {3, 130, 99}, rate});
  }
  return cases;
}

class ResidualCompositionTest : public ::testing::TestWithParam<Case> {
 protected:
  void Compare(const OpCase& op_case, const Recorder& fused, const Recorder& plain,
               const std::vector<size_t>& loss_of) const {
    const std::vector<HostTensor> inputs = MakeInputs(op_case, DType::kF32);
    for (const BackendUnderTest& backend : AllBackends()) {
      const auto got = OutputsAndGradients(fused, inputs, loss_of, backend.make());
      const auto want = OutputsAndGradients(plain, inputs, loss_of, backend.make());
      ASSERT_EQ(got.size(), want.size());
      ASSERT_FALSE(got.empty());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].values, want[i].values) << backend.name << " result " << i;
      }
    }
  }

  Value Dropped(Graph& graph, Value branch, Value random) const {
    if (GetParam().rate == 0.0) return branch;
    return graph.Add1(std::make_shared<DropoutOp>(GetParam().rate, kSite), {branch, random});
  }

  // x, branch, and what lies between, then random if something is dropped, and two weights.
  OpCase Inputs(std::vector<CaseInput> more) const {
    const Case& c = GetParam();
    OpCase op_case{.name = c.name, .make = nullptr, .inputs = {WideFloats(c.x), WideFloats(c.x)}};
    for (CaseInput& input : more) op_case.inputs.push_back(std::move(input));
    op_case.inputs.push_back(RandomInput());
    for (int i = 0; i < 2; ++i) op_case.inputs.push_back(WideFloats({c.x.Elements(), 1}));
    return op_case;
  }
};

INSTANTIATE_TEST_SUITE_P(All, ResidualCompositionTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(ResidualCompositionTest, NormIsDropoutAddLayerNorm) {
  const Shape width{GetParam().x[-1]};
  const OpCase op_case = Inputs({WideFloats(width), WideFloats(width)});
  for (const std::optional<DType> out : {std::optional<DType>(), std::optional(DType::kBF16)}) {
    SCOPED_TRACE(out ? "bf16" : "wide");
    const auto fused = [&](Graph& graph, const std::vector<Value>& in) {
      const auto op = std::make_shared<ResidualNormOp>(GetParam().rate, kSite, out);
      std::vector<Value> inputs = {in[0], in[1], in[2], in[3]};
      if (op->rate() > 0) inputs.push_back(in[4]);
      const std::vector<Value> result = graph.Add(op, inputs);
      return std::vector<Value>{result[0], result[1]};
    };
    const auto plain = [&](Graph& graph, const std::vector<Value>& in) {
      const Value sum = Add(graph, in[0], Dropped(graph, in[1], in[4]));
      return std::vector<Value>{sum, LayerNorm(graph, sum, in[2], in[3], out)};
    };
    Compare(op_case, fused, plain, GetParam().loss_of);
  }
}

TEST_P(ResidualCompositionTest, ResidualIsDropoutAdd) {
  const auto fused = [&](Graph& graph, const std::vector<Value>& in) {
    const auto op = std::make_shared<ResidualOp>(GetParam().rate, kSite);
    return std::vector<Value>{graph.Add1(op, {in[0], in[1], in[2]})};
  };
  const auto plain = [&](Graph& graph, const std::vector<Value>& in) {
    return std::vector<Value>{Add(graph, in[0], Dropped(graph, in[1], in[2]))};
  };
  Compare(Inputs({}), fused, plain, {0});
}

// Of integers, so that the order of the products does not matter.
TEST(MatmulCompositionTest, ResidualIsAdd) {
  OpCase op_case{.name = "matmul_residual", .make = nullptr};
  const Generator integers = Integers(9);
  for (const Shape& shape : {Shape{2, 33, 17}, Shape{17, 19}, Shape{19}, Shape{2, 33, 19},
                             Shape{2 * 33 * 19, 1}, Shape{1}}) {
    op_case.inputs.push_back(Floats(shape, integers));
  }
  const auto fused = [](Graph& graph, const std::vector<Value>& in) {
    return std::vector<Value>{MatmulBiasResidual(graph, in[0], in[1], in[2], in[3])};
  };
  const auto plain = [](Graph& graph, const std::vector<Value>& in) {
    return std::vector<Value>{Add(graph, in[3], MatmulBias(graph, in[0], in[1], in[2]))};
  };
  for (const BackendUnderTest& backend : AllBackends()) {
    const std::vector<HostTensor> inputs = MakeInputs(op_case, DType::kF32);
    const auto got = OutputsAndGradients(fused, inputs, {0}, backend.make());
    const auto want = OutputsAndGradients(plain, inputs, {0}, backend.make());
    ASSERT_EQ(got.size(), 5u);
    ASSERT_EQ(want.size(), 5u);
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].values, want[i].values) << backend.name << " result " << i;
    }
  }
}

}  // namespace
}  // namespace hourglass::testing
