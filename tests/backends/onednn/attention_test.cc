// What the op cases do not see of the fused attention: lengths that take several blocks of keys,
// head widths of every number of vectors, heads whose sequences are spread over threads, both
// instruction sets, and bf16, in pairs and (of odd head width) without.

#include "hourglass/ops/attention.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

AttentionGeometry Self(int64_t n) { return {.queries = n, .keys = n}; }
AttentionGeometry Down(int64_t k, int64_t coarse) {
  return {.queries = coarse, .keys = k * coarse, .query_step = k};
}
AttentionGeometry Up(int64_t k, int64_t coarse) {
  return {.queries = k * coarse, .keys = coarse, .key_step = k};
}

struct Case {
  const char* name;
  AttentionGeometry geometry;
  int64_t batch, heads, head_width;
  bool relative = true;
  double dropout = 0.0;
};

const Case kCases[] = {
    {"self_two_blocks_backward", Self(610), 1, 1, 8},
    {"self_two_blocks_forward", Self(2110), 1, 1, 4},
    {"self_two_blocks_dropout", Self(610), 1, 2, 4, true, 0.3},
    {"down_two_blocks", Down(2, 600), 1, 1, 8, true, 0.1},
    {"up_two_blocks", Up(2, 600), 1, 1, 8, true, 0.1},
    {"softmax_two_blocks", Self(610), 1, 1, 8, false},
    {"width_1", Self(70), 2, 3, 1},
    {"width_20", Self(120), 2, 2, 20},
    {"width_48", Self(120), 2, 2, 48},
    {"width_96", Down(3, 50), 2, 2, 96},
    {"width_128", Up(3, 50), 2, 1, 128},
    {"head_shared_by_threads", Self(201), 3, 1, 64},
    {"heads_shared_by_threads", Down(3, 70), 3, 3, 32},
};

AttentionAttributes AttributesOf(const Case& c) {
  return {.geometry = c.geometry,
          .heads = c.heads,
          .relative = c.relative,
          .dropout = c.dropout,
          .site = MakeRandomSite("test.onednn.attention")};
}

HostTensor Normal(Shape shape, DType dtype, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  HostTensor tensor{{std::move(shape), dtype}, {}};
  for (int64_t i = 0; i < tensor.spec.Elements(); ++i) {
    tensor.values.push_back(RoundTo(dtype, normal(random)));
  }
  return tensor;
}

// The biases are f32 also beside bf16.
std::vector<HostTensor> Inputs(const Case& c, DType dtype) {
  std::mt19937_64 random(7);
  const AttentionGeometry& g = c.geometry;
  const int64_t width = c.heads * c.head_width;
  std::vector<HostTensor> inputs = {Normal({c.batch, g.queries, width}, dtype, random),
                                    Normal({c.batch, g.keys, 2 * width}, dtype, random)};
  if (c.relative) {
    inputs.push_back(Normal({g.Positions(), width}, dtype, random));
    inputs.push_back(Normal({c.heads, c.head_width}, DType::kF32, random));
    inputs.push_back(Normal({c.heads, c.head_width}, DType::kF32, random));
  }
  if (c.dropout > 0) inputs.push_back({{Shape{4}, DType::kU32}, {11, 22, 3, 4}});
  return inputs;
}

// The larger one; NaN is worse than any number.
double Worse(double a, double b) { return std::isnan(a) || b <= a ? a : b; }

// Largest error in epsilons, relative to the largest value of all outputs: the gradients of the
// query bias may be small beside the others, which are what they are sums of.
double Error(const std::vector<HostTensor>& want, const std::vector<HostTensor>& got, DType dtype) {
  double error = 0, scale = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    scale = std::max(scale, LargestAbsolute(want[i].values));
    for (size_t e = 0; e < want[i].values.size(); ++e) {
      const double difference = std::abs(want[i].values[e] - got[i].values[e]);
      error = Worse(error, difference);
    }
  }
  return error / scale / EpsilonOf(dtype);
}

// The largest ratio of the difference to the output, both as root mean squares, in epsilons: a part
// that is missing shows here also where another output is much larger.
double MeanError(const std::vector<HostTensor>& want, const std::vector<HostTensor>& got,
                 DType dtype) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    double error = 0, scale = 0;
    for (size_t e = 0; e < want[i].values.size(); ++e) {
      error += std::pow(want[i].values[e] - got[i].values[e], 2);
      scale += std::pow(want[i].values[e], 2);
    }
    const double ratio = std::sqrt(error / scale);
    worst = Worse(worst, ratio);
  }
  return worst / EpsilonOf(dtype);
}

struct Variant {
  const char* instructions;
  int64_t targets;  // of Highway; 0: all that the machine has
  int threads;
  DType dtype = DType::kF32;
};

class AttentionTest : public ::testing::TestWithParam<std::tuple<Case, Variant>> {
 protected:
  void SetUp() override { Limit(std::get<1>(GetParam()).targets); }
  void TearDown() override { Limit(0); }
  static void Limit(int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().DeInit();
  }

  void Compare(const std::shared_ptr<const Op>& op, const std::vector<HostTensor>& inputs) {
    const auto want = RunOp(Reference(), op, WithFloatingType(inputs, DType::kF64));
    const Variant& run = std::get<1>(GetParam());
    const auto kernel = OpRun::Prepare(OneDnn(), op, inputs, {.threads = run.threads});
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    const bool older = OneDnn()->Describe().at("highway_target") == "AVX2";
    EXPECT_EQ((*kernel)->kernel()->Implementation().find("avx2") != std::string::npos, older);
    ASSERT_TRUE((*kernel)->Run().ok());
    const std::vector<HostTensor> got = (*kernel)->Outputs();
    ASSERT_TRUE(want.ok()) << want.status();
    // Seen in f32: up to 11, backward at head width 128. bf16: the bound of the op cases.
    EXPECT_LT(Error(*want, got, run.dtype), run.dtype == DType::kBF16 ? 2.75 : 32);
    if (run.dtype == DType::kBF16) {
      EXPECT_LT(MeanError(*want, got, run.dtype), 2);  // seen: up to 1.33, backward with dropout
    }
  }

  static std::shared_ptr<Backend> OneDnn() {
    for (const BackendUnderTest& backend : AllBackends()) {
      if (backend.name == "onednn") return backend.make();
    }
    return nullptr;
  }
};

TEST_P(AttentionTest, ForwardAgreesWithReference) {
  const Case& c = std::get<0>(GetParam());
  Compare(std::make_shared<AttentionOp>(AttributesOf(c)), Inputs(c, std::get<1>(GetParam()).dtype));
}

TEST_P(AttentionTest, BackwardAgreesWithReference) {
  const Case& c = std::get<0>(GetParam());
  const DType dtype = std::get<1>(GetParam()).dtype;
  std::vector<HostTensor> inputs = Inputs(c, dtype);
  const auto forward = RunOp(Reference(), std::make_shared<AttentionOp>(AttributesOf(c)), inputs);
  ASSERT_TRUE(forward.ok()) << forward.status();
  inputs.insert(inputs.end(), forward->begin(), forward->end());
  std::mt19937_64 random(8);
  inputs.push_back(Normal((*forward)[0].spec.shape, dtype, random));
  Compare(std::make_shared<AttentionGradOp>(AttributesOf(c)), inputs);
}

std::string CaseName(const ::testing::TestParamInfo<std::tuple<Case, Variant>>& info) {
  const auto& [c, run] = info.param;
  return std::string(c.name) + "_" + run.instructions + "_" + std::to_string(run.threads);
}

std::vector<Variant> Variants() {
  std::vector<Variant> variants = {{"best", 0, 1}, {"best", 0, 2}, {"avx2", HWY_AVX2, 2}};
  if (CpuSupportsBf16()) variants.push_back({"bf16", 0, 2, DType::kBF16});
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionTest,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::ValuesIn(Variants())),
                         CaseName);

}  // namespace
}  // namespace hourglass::testing
