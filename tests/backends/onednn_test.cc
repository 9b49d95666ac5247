// What the op cases do not see of the CPU backend: sizes at which several threads take part, bad
// numbers, refusals and what it says about itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/embedding.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"
#include "hourglass/ops/optimizer.h"
#include "hourglass/ops/pooling.h"
#include "hourglass/ops/rotary.h"
#include "tests/support/backends.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

HostTensor Normal(Shape shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  HostTensor tensor{{std::move(shape), DType::kF32}, {}};
  for (int64_t i = 0; i < tensor.spec.Elements(); ++i) tensor.values.push_back(normal(random));
  return tensor;
}

HostTensor Positive(Shape shape, uint64_t seed) {
  HostTensor tensor = Normal(std::move(shape), seed);
  for (double& value : tensor.values) value = RoundTo(DType::kF32, 0.5 + std::abs(value));
  return tensor;
}

HostTensor Integers(Shape shape, DType dtype, int64_t limit, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> uniform(0, limit - 1);
  HostTensor tensor{{std::move(shape), dtype}, {}};
  for (int64_t i = 0; i < tensor.spec.Elements(); ++i) {
    tensor.values.push_back(static_cast<double>(uniform(random)));
  }
  return tensor;
}

// The same numbers, rounded to bf16.
HostTensor Half(HostTensor tensor) {
  return WithFloatingType({std::move(tensor)}, DType::kBF16)[0];
}

HostTensor Floats(std::vector<double> values) {
  return {{Shape{static_cast<int64_t>(values.size())}, DType::kF32}, std::move(values)};
}

HostTensor Tokens(std::vector<double> values) {
  return {{Shape{1, static_cast<int64_t>(values.size())}, DType::kI32}, std::move(values)};
}

struct LargeCase {
  std::string name;
  std::shared_ptr<const Op> op;
  std::vector<HostTensor> inputs;
};

void PrintTo(const LargeCase& large, std::ostream* out) { *out << large.name; }

// 3 sequences of 210 rows of 99 columns: nothing is a multiple of a vector or of a block, and all
// of it is above the size at which a second and a third thread take part.
std::vector<LargeCase> LargeCases() {
  constexpr int64_t kBatch = 3, kRows = 210, kWidth = 99, kVocab = 61;
  const Shape rows{kBatch, kRows, kWidth}, all{kBatch * kRows}, long_row{70001};
  const HostTensor x = Normal(rows, 1), y = Normal(rows, 2),
                   tokens = Integers({kBatch, kRows}, DType::kI32, kVocab, 3);
  const HostTensor random = Integers({4}, DType::kU32, int64_t{1} << 32, 4);
  const HostTensor logits = Normal({kBatch, kRows, kVocab}, 5);
  const HostTensor scalars = Floats({0.0009765625, 0.125, 0.015625});
  const auto go = [](auto op) {
    return std::shared_ptr<const Op>(std::make_shared<decltype(op)>(op));
  };
  return {
      {"add", go(AddOp()), {x, y}},
      {"gelu", go(GeluOp()), {x}},
      {"gelu_grad", go(GeluGradOp()), {x, y}},
      {"layer_norm", go(LayerNormOp()), {x, Normal({kWidth}, 6), Normal({kWidth}, 7)}},
      {"layer_norm_grad",
       go(LayerNormGradOp()),
       {x, Normal({kWidth}, 6), Normal(all, 8), Positive(all, 9), y}},
      {"residual_norm",
       go(ResidualNormOp(0.0, 0)),
       {x, y, Normal({kWidth}, 6), Normal({kWidth}, 7)}},
      {"residual_norm_dropout",
       go(ResidualNormOp(0.25, 1234567)),
       {x, y, Normal({kWidth}, 6), Normal({kWidth}, 7), random}},
      {"residual_norm_grad",
       go(ResidualNormGradOp(0.0, 0)),
       {x, Normal({kWidth}, 6), Normal(all, 8), Positive(all, 9), y, Normal(rows, 17)}},
      {"residual_norm_grad_dropout",
       go(ResidualNormGradOp(0.25, 1234567)),
       {x, Normal({kWidth}, 6), Normal(all, 8), Positive(all, 9), y, Normal(rows, 17), random}},
      {"residual", go(ResidualOp(0.25, 1234567)), {x, y, random}},
      {"column_sum", go(ColumnSumOp()), {x}},
      {"pool", go(PoolOp(3, 1.0 / 3)), {x}},
      {"repeat", go(RepeatOp(3, 0.5)), {x}},
      {"shift_rows", go(ShiftRowsOp(2, 211)), {x}},
      {"dropout", go(DropoutOp(0.25, 1234567)), {x, random}},
      {"embedding", go(EmbeddingOp()), {Normal({kVocab, kWidth}, 10), tokens}},
      {"embedding_grad", go(EmbeddingGradOp(kVocab)), {tokens, x}},
      {"cross_entropy", go(CrossEntropyOp(7)), {logits, tokens}},
      {"cross_entropy_grad",
       go(CrossEntropyGradOp(7)),
       {logits, tokens, Positive({kBatch, kRows}, 11), Floats({0.75})}},
      {"rotary", go(RotaryOp(3, 2, 1)), {Normal({kBatch, kRows, 3 * 90}, 12)}},
      {"accumulate",
       go(AccumulateOp()),
       {Normal(long_row, 13), Normal(long_row, 14), Integers({1}, DType::kU32, 1, 15)}},
      {"sum_squares", go(SumSquaresOp()), {Normal(long_row, 13)}},
      {"adam",
       go(AdamOp(0.9, 0.98, 1e-9, 1.0)),
       {Normal(long_row, 13), Normal(long_row, 14), Normal(long_row, 15), Positive(long_row, 16),
        scalars, Floats({4})}},
      {"cast", go(CastOp(DType::kBF16)), {x}},
      {"cast_bf16", go(CastOp(DType::kF32)), {Half(x)}},
      {"gelu_bf16", go(GeluOp()), {Half(x)}},
      {"gelu_grad_bf16", go(GeluGradOp()), {Half(x), Half(y)}},
      {"layer_norm_bf16",
       go(LayerNormOp(DType::kBF16)),
       {x, Normal({kWidth}, 6), Normal({kWidth}, 7)}},
      {"layer_norm_grad_bf16",
       go(LayerNormGradOp()),
       {x, Normal({kWidth}, 6), Normal(all, 8), Positive(all, 9), Half(y)}},
      {"residual_norm_bf16",
       go(ResidualNormOp(0.25, 1234567, DType::kBF16)),
       {x, y, Normal({kWidth}, 6), Normal({kWidth}, 7), random}},
      {"residual_norm_grad_bf16",
       go(ResidualNormGradOp(0.25, 1234567)),
       {x, Normal({kWidth}, 6), Normal(all, 8), Positive(all, 9), Half(y), Normal(rows, 17),
        random}},
      {"column_sum_bf16", go(ColumnSumOp()), {Half(x)}},
      {"dropout_bf16", go(DropoutOp(0.25, 1234567)), {Half(x), random}},
      {"rotary_bf16", go(RotaryOp(3, 2, 1)), {Half(Normal({kBatch, kRows, 3 * 90}, 12))}},
  };
}

class LargeTest : public ::testing::TestWithParam<LargeCase> {};
INSTANTIATE_TEST_SUITE_P(OneDnn, LargeTest, ::testing::ValuesIn(LargeCases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(LargeTest, ThreadsDoNotChangeTheBits) {
  const auto one = RunOp(MakeOneDnnBackend(), GetParam().op, GetParam().inputs, {.threads = 1});
  ASSERT_TRUE(one.ok()) << one.status();
  for (const int threads : {2, 3}) {
    const auto many =
        RunOp(MakeOneDnnBackend(), GetParam().op, GetParam().inputs, {.threads = threads});
    ASSERT_TRUE(many.ok()) << many.status();
    for (size_t i = 0; i < one->size(); ++i) {
      EXPECT_TRUE(ToBytes((*one)[i]) == ToBytes((*many)[i]))
          << "output " << i << ", threads " << threads;
    }
  }
}

TEST_P(LargeTest, AgreesWithReference) {
  const auto got = RunOp(MakeOneDnnBackend(), GetParam().op, GetParam().inputs, {.threads = 3});
  const auto is_bf16 = [](const HostTensor& tensor) { return tensor.spec.dtype == DType::kBF16; };
  ASSERT_TRUE(got.ok()) << got.status();
  const bool bf16 =
      std::ranges::any_of(GetParam().inputs, is_bf16) || std::ranges::any_of(*got, is_bf16);
  const auto want =
      RunOp(Reference(), GetParam().op,
            bf16 ? GetParam().inputs : WithFloatingType(GetParam().inputs, DType::kF64));
  ASSERT_TRUE(want.ok()) << want.status();
  for (size_t i = 0; i < got->size(); ++i) {
    // Sums of up to 630 terms in f32; results that differ there may be rounded to neighbouring
    // bf16. A cast is one rounding, the same everywhere.
    const bool cast = GetParam().op->Name() == "cast";
    const double sums = cast ? 0.0 : 16 * 0x1p-23 * LargestAbsolute((*want)[i].values);
    const double rounding = cast || !is_bf16((*got)[i]) ? 0.0 : EpsilonOf(DType::kBF16);
    for (size_t e = 0; e < (*got)[i].values.size(); ++e) {
      const double value = (*want)[i].values[e];
      ASSERT_NEAR((*got)[i].values[e], value, sums + rounding * std::abs(value))
          << "output " << i << ", element " << e;
    }
  }
}

// Blocks are cut differently for 1, 2 and 3 threads. The library's products may depend on them.
TEST(OneDnn, WeightGradientsInBf16DoNotDependOnTheThreads) {
  const std::vector<HostTensor> inputs = {Half(Normal({4, 211, 300}, 1)),
                                          Half(Normal({4, 211, 112}, 2))};
  const auto op = std::make_shared<MatmulOp>(true, false, false, DType::kF32);
  std::vector<std::vector<std::byte>> first;
  for (const int threads : {1, 2, 3}) {
    const auto run = OpRun::Prepare(MakeOneDnnBackend(), op, inputs, {.threads = threads});
    ASSERT_EQ(run.ok(), CpuSupportsBf16()) << run.status();
    if (!run.ok()) continue;
    const bool own = (*run)->kernel()->Implementation() == "hourglass:weight_gradient:avx512_bf16";
    EXPECT_EQ(own, !CpuHasAmx());
    ASSERT_TRUE((*run)->Run().ok());
    if (first.empty()) first = (*run)->OutputBytes();
    EXPECT_TRUE(!own || (*run)->OutputBytes() == first) << "threads " << threads;
  }
}

TEST(OneDnn, ProductsAreTheSameAtEveryRun) {
  const std::vector<HostTensor> inputs = {Normal({3, 70, 130}, 1), Normal({130, 111}, 2)};
  const auto op = std::make_shared<MatmulOp>(false, false, false);
  const auto run = OpRun::Prepare(MakeOneDnnBackend(), op, inputs, {.threads = 2});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE((*run)->Run().ok());
  const auto first = (*run)->OutputBytes();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE((*run)->Run().ok());
    ASSERT_TRUE((*run)->OutputBytes() == first) << "run " << i;
  }
}

TEST(OneDnn, KeepsTheThreadCountOfTheCaller) {
  SetThreadCount(3);
  NodeSpecs node;
  const MatmulOp op(false, false, false);
  node.op = &op;
  node.inputs = {{Shape{2, 3}, DType::kF32}, {Shape{3, 2}, DType::kF32}};
  node.outputs = {{Shape{2, 2}, DType::kF32}};
  ASSERT_TRUE(MakeOneDnnBackend()->Compile(node).ok());
  EXPECT_EQ(ThreadCount(), 3);
}

TEST(OneDnn, RefusesTokensOutsideTheTable) {
  for (const double token : {-1.0, 5.0}) {
    const auto out = RunOp(MakeOneDnnBackend(), std::make_shared<EmbeddingOp>(),
                           {Normal({5, 4}, 1), Tokens({0, token})});
    EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(out.status().message()), HasSubstr("at place 1"));
  }
  const auto grad = RunOp(MakeOneDnnBackend(), std::make_shared<EmbeddingGradOp>(5),
                          {Tokens({5}), Normal({1, 1, 4}, 1)});
  EXPECT_EQ(grad.status().code(), absl::StatusCode::kInvalidArgument);
  const auto loss = RunOp(MakeOneDnnBackend(), std::make_shared<CrossEntropyOp>(std::nullopt),
                          {Normal({1, 1, 4}, 1), Tokens({4})});
  EXPECT_EQ(loss.status().code(), absl::StatusCode::kInvalidArgument);
  // The mask may be any number.
  EXPECT_TRUE(RunOp(MakeOneDnnBackend(), std::make_shared<CrossEntropyOp>(-1),
                    {Normal({1, 2, 4}, 1), Tokens({-1, 3})})
                  .ok());
}

// A diverged model must not look like a good one.
TEST(OneDnn, LossOfNotANumberIsNotANumber) {
  HostTensor logits = Normal({1, 1, 40}, 1);
  logits.values[33] = std::numeric_limits<double>::quiet_NaN();
  const auto loss = RunOp(MakeOneDnnBackend(), std::make_shared<CrossEntropyOp>(std::nullopt),
                          {logits, Tokens({2})});
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_TRUE(std::isnan((*loss)[0].values[0]));
}

TEST(OneDnn, AdamLeavesEverythingIfTheNormIsNotFinite) {
  const std::vector<HostTensor> inputs = {
      Floats({1, 2}), Floats({3, 4}),          Floats({5, 6}),
      Floats({7, 8}), Floats({0.1, 0.2, 0.3}), Floats({std::numeric_limits<float>::infinity()})};
  const auto out =
      RunOp(MakeOneDnnBackend(), std::make_shared<AdamOp>(0.9, 0.98, 1e-9, 0.0), inputs);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].values, inputs[0].values);
  EXPECT_EQ((*out)[1].values, inputs[2].values);
  EXPECT_EQ((*out)[2].values, inputs[3].values);
}

// Bits of the upper half after rounding to even: IEEE 754, by hand.
TEST(OneDnn, CastRoundsToEvenAndKeepsSmallNumbers) {
  const std::vector<std::pair<double, double>> cases = {
      {1.0 + 0x1p-8, 1.0},                     // half way, to the even 1
      {1.0 + 0x3p-8, 1.0 + 0x1p-6},            // half way, to the even upper
      {1.0 + 0x1p-8 + 0x1p-23, 1.0 + 0x1p-7},  // above half way
      {0x1p-130, 0x1p-130},                    // denormal
      {-0x1p-133, -0x1p-133},                  // the smallest bf16
      {0x1.fffffep+127, std::numeric_limits<double>::infinity()},
  };
  HostTensor x = Floats({}), want;
  for (int copy = 0; copy < 7; ++copy) {
    for (const auto& [from, to] : cases) {
      x.values.push_back(from);
      want.values.push_back(to);
    }
  }
  x.values.push_back(std::numeric_limits<double>::quiet_NaN());
  x.spec.shape = Shape{static_cast<int64_t>(x.values.size())};
  const auto out = RunOp(MakeOneDnnBackend(), std::make_shared<CastOp>(DType::kBF16), {x});
  ASSERT_TRUE(out.ok()) << out.status();
  for (size_t i = 0; i < want.values.size(); ++i) {
    EXPECT_EQ((*out)[0].values[i], want.values[i]) << x.values[i];
  }
  EXPECT_TRUE(std::isnan((*out)[0].values.back()));
}

TEST(OneDnn, NamesTheNodeThatItCannotDo) {
  NodeSpecs node;
  const SumSquaresOp op;
  node.op = &op;
  node.inputs = {{Shape{3}, DType::kBF16}};
  node.outputs = {{Shape{1}, DType::kBF16}};
  node.scope = "pre.0";
  const absl::Status status = MakeOneDnnBackend()->Compile(node).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("sum_squares(bf16[3])"),
                                                   HasSubstr("'pre.0'"), HasSubstr("f32 only")));
}

// Whether the CPU has a feature and ONEDNN_MAX_CPU_ISA is none of the limits that forbid it.
bool MayUse(const char* feature, const std::set<std::string>& forbidding) {
  std::stringstream cpu;
  cpu << std::ifstream("/proc/cpuinfo").rdbuf();
  const char* const limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  return cpu.str().find(feature) != std::string::npos &&
         (limit == nullptr || forbidding.count(limit) == 0);
}

TEST(OneDnn, Bf16AndAmxAreWhatTheCpuSays) {
  std::set<std::string> limits = {
      "SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"};
  EXPECT_EQ(CpuSupportsBf16(), MayUse("avx512_bf16", limits));
  limits.insert({"AVX512_CORE_BF16", "AVX512_CORE_FP16"});
  EXPECT_EQ(CpuHasAmx(), MayUse("amx_bf16", limits));
}

// onednn_avx2_test runs this whole file with the library limited to AVX2.
TEST(OneDnn, OwnKernelsTakeTheInstructionsOfTheLibrary) {
  const auto about = MakeOneDnnBackend()->Describe();
  EXPECT_EQ(about.at("highway_target").starts_with("AVX3"), about.at("isa").starts_with("avx512"))
      << about.at("highway_target") << " and " << about.at("isa");
}

TEST(OneDnn, DescribesLibraryAndMachine) {
  const auto about = MakeOneDnnBackend()->Describe();
  EXPECT_THAT(about.at("onednn"), ::testing::StartsWith("3.2."));
  for (const char* key : {"cpu", "cpu_features", "highway_target", "isa", "threads_runtime"}) {
    EXPECT_FALSE(about.at(key).empty()) << key;
  }
  EXPECT_EQ(about.at("threads_runtime"), "OpenMP");
}

}  // namespace
}  // namespace hourglass::testing
