// The oracle against numbers from outside: hand calculation, or a few lines of Python that follow
// the formulas of the paper (fsum, f64). What is small enough to see is written out.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/attention.h"
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
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

HostTensor D(Shape shape, std::vector<double> values) {
  return {{std::move(shape), DType::kF64}, std::move(values)};
}
HostTensor I(Shape shape, std::vector<double> values) {
  return {{std::move(shape), DType::kI32}, std::move(values)};
}

std::vector<HostTensor> Evaluate(std::shared_ptr<const Op> op, std::vector<HostTensor> in) {
  auto out = RunOp(MakeReferenceBackend(), std::move(op), std::move(in));
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *std::move(out) : std::vector<HostTensor>(3);
}

void ExpectNear(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-13) << "element " << i;
}

TEST(Reference, Matmul) {
  const HostTensor a = D({2, 3}, {1, 2, 3, 4, 5, 6}), b = D({3, 2}, {7, 8, 9, 10, 11, 12});
  EXPECT_EQ(
      Evaluate(std::make_shared<MatmulOp>(false, false, true), {a, b, D({2}, {1, -1})})[0].values,
      (std::vector<double>{59, 63, 140, 153}));
  // a a' and a' a.
  EXPECT_EQ(Evaluate(std::make_shared<MatmulOp>(false, true, false), {a, a})[0].values,
            (std::vector<double>{14, 32, 32, 77}));
  EXPECT_EQ(Evaluate(std::make_shared<MatmulOp>(true, false, false), {a, a})[0].values,
            (std::vector<double>{17, 22, 27, 22, 29, 36, 27, 36, 45}));
}

// Mean 2.5, biased variance 1.25, epsilon 1e-6 inside the root.
TEST(Reference, LayerNorm) {
  const auto out = Evaluate(std::make_shared<LayerNormOp>(),
                            {D({1, 4}, {1, 2, 3, 4}), D({4}, {2, 2, 2, 2}), D({4}, {1, 1, 1, 1})});
  ExpectNear(out[0].values,
             {-1.6832804996877622, 0.10557316677074591, 1.8944268332292542, 3.683280499687762});
  ExpectNear(out[1].values, {2.5});
  ExpectNear(out[2].values, {0.8944268332292541});
}

// The tanh form; the erf form gives 0.8413447 at 1.
TEST(Reference, Gelu) {
  ExpectNear(Evaluate(std::make_shared<GeluOp>(), {D({7}, {-3, -1, -0.5, 0, 0.5, 1, 3})})[0].values,
             {-0.0036373920817729943, -0.15880800939172324, -0.15428599017485606, 0,
              0.34571400982514394, 0.8411919906082768, 2.996362607918227});
}

TEST(Reference, CrossEntropy) {
  const HostTensor logits = D({1, 3, 3}, {1, 2, 3, 0, 0, 0, 5, 0, 0});
  const HostTensor targets = I({1, 3}, {2, 1, 0});
  const auto out = Evaluate(std::make_shared<CrossEntropyOp>(0), {logits, targets});
  ExpectNear(out[0].values, {0.753109126556245});
  ExpectNear(out[1].values, {0.40760596444438013, 1.0986122886681098, 0});
  const auto d_logits =
      Evaluate(std::make_shared<CrossEntropyGradOp>(0), {logits, targets, out[1], D({1}, {2})});
  // Two targets count, d_loss is 2: softmax minus one-hot, once.
  ExpectNear(d_logits[0].values, {0.09003057317038046, 0.24472847105479767, -0.3347590442251781,
                                  1.0 / 3, -2.0 / 3, 1.0 / 3, 0, 0, 0});
}

TEST(Reference, CrossEntropyOfHugeLogitsIsFinite) {
  const auto out = Evaluate(std::make_shared<CrossEntropyOp>(std::nullopt),
                            {D({1, 1, 2}, {1e4, -1e4}), I({1, 1}, {1})});
  EXPECT_EQ(out[0].values[0], 2e4);
}

TEST(Reference, PoolingAndRepeat) {
  const HostTensor x = D({1, 4, 2}, {1, 10, 3, 20, 5, 30, 9, 50});
  EXPECT_EQ(Evaluate(std::make_shared<PoolOp>(2, 0.5), {x})[0].values,
            (std::vector<double>{2, 15, 7, 40}));
  EXPECT_EQ(Evaluate(std::make_shared<RepeatOp>(2, 1.0), {D({1, 2, 2}, {1, 2, 3, 4})})[0].values,
            (std::vector<double>{1, 2, 1, 2, 3, 4, 3, 4}));
}

// The worked example of the paper's shift, n = 6, k = 3: 0, 0, h0, h1, h2, h3, in each sequence.
TEST(Reference, ShiftRows) {
  const HostTensor h = D({2, 6, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  EXPECT_EQ(Evaluate(std::make_shared<ShiftRowsOp>(2, 6), {h})[0].values,
            (std::vector<double>{0, 0, 1, 2, 3, 4, 0, 0, 7, 8, 9, 10}));
  EXPECT_EQ(Evaluate(std::make_shared<ShiftRowsOp>(-2, 6), {h})[0].values,
            (std::vector<double>{3, 4, 5, 6, 0, 0, 9, 10, 11, 12, 0, 0}));
  EXPECT_EQ(Evaluate(std::make_shared<ShiftRowsOp>(1, 3), {I({2, 2}, {5, 6, 7, 8})})[0].values,
            (std::vector<double>{0, 5, 6, 0, 7, 8}));
}

TEST(Reference, EmbeddingAndItsGradient) {
  const HostTensor tokens = I({1, 4}, {2, 0, 2, 2});
  EXPECT_EQ(
      Evaluate(std::make_shared<EmbeddingOp>(), {D({3, 2}, {1, 2, 3, 4, 5, 6}), tokens})[0].values,
      (std::vector<double>{5, 6, 1, 2, 5, 6, 5, 6}));
  EXPECT_EQ(Evaluate(std::make_shared<EmbeddingGradOp>(3),
                     {tokens, D({1, 4, 2}, {1, 10, 2, 20, 3, 30, 4, 40})})[0]
                .values,
            (std::vector<double>{2, 20, 0, 0, 8, 80}));
}

// Head width 4: pairs (0, 2) and (1, 3), angles 3 * 2 * {1, 1/100} at row 2 of spacing 3.
TEST(Reference, Rotary) {
  std::vector<double> x(2 * 12, 0.0);
  const double row0[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::copy(std::begin(row0), std::end(row0), x.begin());
  x[12] = 1;      // query, dimension 0
  x[12 + 5] = 1;  // key, dimension 1
  x[12 + 8] = 1;  // value, dimension 0
  const auto y = Evaluate(std::make_shared<RotaryOp>(1, 6, 1), {D({1, 2, 12}, x)})[0].values;
  ExpectNear({y.begin(), y.begin() + 12}, {std::begin(row0), std::end(row0)});
  ExpectNear({y.begin() + 12, y.end()},
             {0.960170286650366, 0, -0.27941549819892586, 0,   // cos 6, sin 6
              0, 0.9982005399352042, 0, 0.059964006479444595,  // cos 0.06, sin 0.06
              1, 0, 0, 0});
}

TEST(Reference, AdamTwoSteps) {
  const AdamOp op(0.9, 0.98, 1e-9, 0.0);
  const auto shared = std::make_shared<AdamOp>(op);
  const auto scalars = [](int step) {
    return D({3}, {0.01, 1 - std::pow(0.9, step), 1 - std::pow(0.98, step)});
  };
  const auto first = Evaluate(
      shared, {D({1}, {1.0}), D({1}, {0.5}), D({1}, {0}), D({1}, {0}), scalars(1), D({1}, {0.25})});
  ExpectNear({first[0].values[0], first[1].values[0], first[2].values[0]},
             {0.99000000002, 0.05, 0.005});
  const auto second = Evaluate(
      shared, {first[0], D({1}, {-0.25}), first[1], first[2], scalars(2), D({1}, {0.0625})});
  ExpectNear({second[0].values[0], second[1].values[0], second[2].values[0]},
             {0.9873289228912421, 0.02, 0.00615});
}

// Norm 5 against a limit of 1: the moments are those of g / 5.
TEST(Reference, AdamClipsByTheNorm) {
  const auto out = Evaluate(std::make_shared<AdamOp>(0.9, 0.98, 1e-9, 1.0),
                            {D({2}, {0, 0}), D({2}, {3, 4}), D({2}, {0, 0}), D({2}, {0, 0}),
                             D({3}, {0.01, 0.1, 0.02}), D({1}, {25})});
  ExpectNear(out[1].values, {0.06, 0.08});
  ExpectNear(out[2].values, {0.02 * 0.36, 0.02 * 0.64});
}

TEST(Reference, AdamStopsAtInfinity) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto out = Evaluate(std::make_shared<AdamOp>(0.9, 0.98, 1e-9, 0.0),
                            {D({2}, {1, 2}), D({2}, {infinity, 4}), D({2}, {5, 6}), D({2}, {7, 8}),
                             D({3}, {0.01, 0.1, 0.02}), D({1}, {infinity})});
  EXPECT_EQ(out[0].values, (std::vector<double>{1, 2}));
  EXPECT_EQ(out[1].values, (std::vector<double>{5, 6}));
  EXPECT_EQ(out[2].values, (std::vector<double>{7, 8}));
}

// 2^24 + 1 does not fit f32; the sum 2^24 + 1 + 1 does and must not lose the ones on the way.
TEST(Reference, SumSquaresOfFloatsIsAddedInDouble) {
  const HostTensor x{{Shape{3}, DType::kF32}, {4096, 1, 1}};
  EXPECT_EQ(Evaluate(std::make_shared<SumSquaresOp>(), {x})[0].values[0], 16777218.0);
}

// A number just above the middle of two bf16 must not fall to the even one by way of f32.
TEST(Reference, CastRoundsOnce) {
  const double middle = 1 + 0x1p-8;
  EXPECT_EQ(Evaluate(std::make_shared<CastOp>(DType::kBF16),
                     {D({4}, {middle, middle + 0x1p-40, -middle - 0x1p-40, middle - 0x1p-40})})[0]
                .values,
            (std::vector<double>{1, 1 + 0x1p-7, -1 - 0x1p-7, 1}));
}

// --- Attention
// --------------------------------------------------------------------------------------

// Numbers that f64 holds exactly, the same in the Python that made the results below.
std::vector<double> Pattern(int64_t count, int64_t stream) {
  std::vector<double> values;
  for (int64_t e = 0; e < count; ++e) {
    values.push_back(static_cast<double>((e * 37 + stream * 11) % 19 - 9) / 8);
  }
  return values;
}

struct AttentionResult {
  std::vector<double> row1_of_first, last_row_of_second;  // of out
  std::vector<double> log_sum_exp;                        // second sequence, second head
};

// B = 2, H = 2, dh = 2.
AttentionResult RunAttention(AttentionGeometry g, bool relative) {
  constexpr int64_t kBatch = 2, kHeads = 2, kHeadWidth = 2, kWidth = 4;
  std::vector<HostTensor> in = {
      D({kBatch, g.queries, kWidth}, Pattern(kBatch * g.queries * kWidth, 1)),
      D({kBatch, g.keys, 2 * kWidth}, Pattern(kBatch * g.keys * 2 * kWidth, 2))};
  if (relative) {
    in.push_back(D({g.Positions(), kWidth}, Pattern(g.Positions() * kWidth, 3)));
    in.push_back(D({kHeads, kHeadWidth}, Pattern(kWidth, 4)));
    in.push_back(D({kHeads, kHeadWidth}, Pattern(kWidth, 5)));
  }
  const auto out = Evaluate(std::make_shared<AttentionOp>(AttentionAttributes{
                                .geometry = g, .heads = kHeads, .relative = relative}),
                            in);
  const std::vector<double>& y = out[0].values;
  return {{y.begin() + kWidth, y.begin() + 2 * kWidth},
          {y.end() - kWidth, y.end()},
          {out[1].values.end() - g.queries, out[1].values.end()}};
}

TEST(ReferenceAttention, Self) {
  const auto got = RunAttention({.queries = 4, .keys = 4}, false);
  ExpectNear(got.row1_of_first,
             {0.772409089456942, 0.647409089456942, 0.6240977012929233, 0.49909770129292336});
  ExpectNear(got.last_row_of_second, {0.018544558807858845, 0.6032811620554259, 0.125, 0});
  ExpectNear(got.log_sum_exp,
             {-0.13258252147247765, 0.6157601504306769, 0.9808427173353776, 1.2868574700155324});
}

TEST(ReferenceAttention, SelfRelative) {
  const auto got = RunAttention({.queries = 4, .keys = 4}, true);
  ExpectNear(got.row1_of_first,
             {0.9949310741318533, 0.8699310741318533, 0.8004677872630798, 0.6754677872630797});
  ExpectNear(got.last_row_of_second,
             {0.14889008421155098, 0.6999329322808983, 0.7712601385998742, 0.6462601385998742});
  ExpectNear(got.log_sum_exp,
             {-0.02209708691207962, 0.1381307309196895, 1.0081777306793467, 2.6705442448860413});
}

TEST(ReferenceAttention, DownRelative) {
  const auto got = RunAttention({.queries = 2, .keys = 6, .query_step = 3}, true);
  ExpectNear(got.row1_of_first,
             {0.49884992765265956, 0.37384992765265956, 0.10208604589954406, 0.5303452189211536});
  ExpectNear(got.last_row_of_second,
             {0.416941577631074, 0.3243621664779086, 0.0061270395145728365, -0.11887296048542716});
  ExpectNear(got.log_sum_exp, {2.110149171364493, 2.31660259198395});
}

TEST(ReferenceAttention, UpRelative) {
  const auto got = RunAttention({.queries = 6, .keys = 2, .key_step = 3}, true);
  ExpectNear(got.row1_of_first, {1.125, 1.0, 0.875, 0.75});
  ExpectNear(got.last_row_of_second,
             {-0.7916039207116984, -0.9166039207116984, -1.0640895782994082, 1.0807015114904786});
  ExpectNear(got.log_sum_exp, {1.358970845092896, 1.1490485194281397, -0.1878252387526767,
                               0.40741015413802384, 1.099930175296104, 1.470571746987099});
}

TEST(ReferenceAttention, PackedIsTheSameAsSplit) {
  const AttentionGeometry g{.queries = 5, .keys = 5};
  const std::vector<double> packed = Pattern(2 * 5 * 12, 1);
  std::vector<double> query, key_value;
  for (size_t row = 0; row < 10; ++row) {
    query.insert(query.end(), packed.begin() + row * 12, packed.begin() + row * 12 + 4);
    key_value.insert(key_value.end(), packed.begin() + row * 12 + 4,
                     packed.begin() + row * 12 + 12);
  }
  AttentionAttributes attributes{.geometry = g, .heads = 2};
  const auto split = Evaluate(std::make_shared<AttentionOp>(attributes),
                              {D({2, 5, 4}, query), D({2, 5, 8}, key_value)});
  attributes.packed = true;
  const auto together =
      Evaluate(std::make_shared<AttentionOp>(attributes), {D({2, 5, 12}, packed)});
  EXPECT_EQ(split[0].values, together[0].values);
  EXPECT_EQ(split[1].values, together[1].values);
}

// Scores 0 and 14000 of the second query: without the row maximum exp overflows.
TEST(ReferenceAttention, LargeScoresDoNotOverflow) {
  const HostTensor x = D({1, 2, 6}, {100, 100, 0, 0, 1, 2, 100, 100, 99, 99, 3, 4});
  const auto out = Evaluate(std::make_shared<AttentionOp>(AttentionAttributes{
                                .geometry = {.queries = 2, .keys = 2}, .heads = 1, .packed = true}),
                            {x});
  EXPECT_EQ(out[0].values, (std::vector<double>{1, 2, 3, 4}));
}

// --- Errors
// -----------------------------------------------------------------------------------------

absl::Status Error(std::shared_ptr<const Op> op, std::vector<HostTensor> in) {
  return RunOp(MakeReferenceBackend(), std::move(op), std::move(in)).status();
}

void ExpectRefused(const absl::Status& status, const std::string& what) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(std::string(status.message()).find(what), std::string::npos) << status;
}

TEST(ReferenceErrors, TokensOutsideTheVocabularyAreNamedWithTheirPlace) {
  const HostTensor table = D({3, 1}, {1, 2, 3}), rows = D({2, 2, 1}, {1, 2, 3, 4});
  for (const double id : {3.0, -1.0}) {
    const HostTensor tokens = I({2, 2}, {0, 1, 2, id});
    const std::string what =
        std::to_string(static_cast<int>(id)) + " at sequence 1, position 1 is not in [0, 3)";
    ExpectRefused(Error(std::make_shared<EmbeddingOp>(), {table, tokens}),
                  "embedding: token " + what);
    ExpectRefused(Error(std::make_shared<EmbeddingGradOp>(3), {tokens, rows}),
                  "embedding_grad: token " + what);
  }
}

TEST(ReferenceErrors, TargetsOutsideTheVocabularyAreNamedWithTheirPlace) {
  const HostTensor logits = D({1, 2, 2}, {1, 2, 3, 4});
  for (const double id : {2.0, -1.0}) {
    const HostTensor targets = I({1, 2}, {0, id});
    const std::string what =
        std::to_string(static_cast<int>(id)) + " at sequence 0, position 1 is not in [0, 2)";
    ExpectRefused(Error(std::make_shared<CrossEntropyOp>(std::nullopt), {logits, targets}),
                  "cross_entropy: target " + what);
    ExpectRefused(Error(std::make_shared<CrossEntropyGradOp>(std::nullopt),
                        {logits, targets, D({1, 2}, {0, 0}), D({1}, {1})}),
                  "cross_entropy_grad: target " + what);
  }
}

// 1 + 2^-8 is half way between two bf16: to the even 1. Summed first and rounded once.
TEST(ReferenceBf16, ComputesInF32AndRoundsOnce) {
  const auto half = [](Shape shape, std::vector<double> values) {
    return HostTensor{{std::move(shape), DType::kBF16}, std::move(values)};
  };
  const HostTensor a = half({1, 2}, {1, 0x1p-8}), b = half({2, 1}, {1, 1});
  const HostTensor bias{{Shape{1}, DType::kF32}, {0x1p-20}};
  const auto run = [&](const MatmulOp& op, std::vector<HostTensor> inputs) {
    return Evaluate(std::make_shared<MatmulOp>(op), std::move(inputs))[0].values[0];
  };
  EXPECT_EQ(run(MatmulOp(false, false, false), {a, b}), 1.0);
  EXPECT_EQ(run(MatmulOp(false, false, false, DType::kF32), {a, b}), 1 + 0x1p-8);
  EXPECT_EQ(run(MatmulOp(false, false, true), {a, b, bias}), 1 + 0x1p-7);
}

TEST(ReferenceErrors, OtherMixturesAreUnimplementedAndNamed) {
  const HostTensor half{{Shape{1, 1, 2}, DType::kBF16}, {1, 2}};
  const absl::Status status = Error(std::make_shared<CrossEntropyGradOp>(std::nullopt),
                                    {half, I({1, 1}, {0}), D({1, 1}, {0}), D({1}, {1})});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(std::string(status.message())
                .find("cross_entropy_grad(bf16[1, 1, 2], i32[1, 1], f64[1, 1], f64[1]) -> "
                      "bf16[1, 1, 2] in 'test'"),
            std::string::npos)
      << status;
}

}  // namespace
}  // namespace hourglass::testing
