// What ops say of inputs: shapes of good ones, a clear refusal of bad ones.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

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
#include "tests/support/op_case.h"

namespace hourglass::testing {
namespace {

TensorSpec F(Shape shape) { return {std::move(shape), DType::kF32}; }
TensorSpec H(Shape shape) { return {std::move(shape), DType::kBF16}; }
TensorSpec I(Shape shape) { return {std::move(shape), DType::kI32}; }
TensorSpec U(Shape shape) { return {std::move(shape), DType::kU32}; }
// Not inline: g++ 12 takes the unused storage of a rank-0 shape for an uninitialised read.
[[gnu::noinline]] TensorSpec Scalar() { return {}; }

// --- Every case of the table
// -----------------------------------------------------------------------

class InferCaseTest : public ::testing::TestWithParam<OpCase> {
 protected:
  std::shared_ptr<const Op> op() const { return GetParam().make(DType::kF32); }
  std::vector<TensorSpec> inputs() const {
    std::vector<TensorSpec> specs;
    for (const CaseInput& input : GetParam().inputs) {
      specs.push_back({input.shape, input.TypeIn(DType::kF32)});
    }
    return specs;
  }
};

INSTANTIATE_TEST_SUITE_P(Ops, InferCaseTest, ::testing::ValuesIn(AllOpCases()),
                         [](const auto& info) { return TestName(info.param.name); });

INSTANTIATE_TEST_SUITE_P(SpeedRows, InferCaseTest, ::testing::ValuesIn(SpeedOpCases()),
                         [](const auto& info) { return TestName(info.param.name); });

TEST_P(InferCaseTest, NameIsThatOfTheTable) { EXPECT_EQ(op()->Name(), GetParam().OpName()); }

TEST_P(InferCaseTest, GivesPositiveShapesAndCosts) {
  const auto out = op()->Infer(inputs());
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_FALSE(out->empty());
  for (const TensorSpec& spec : *out) EXPECT_GT(spec.Elements(), 0);
  const Cost cost = op()->Count(inputs(), *out);
  EXPECT_GE(cost.elementwise, 0);
  EXPECT_GE(cost.bytes, 0);
}

TEST_P(InferCaseTest, AnotherNumberOfInputsIsRefused) {
  std::vector<TensorSpec> more = inputs();
  more.push_back(F({1}));
  const auto with_more = op()->Infer(more);
  EXPECT_EQ(with_more.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(with_more.status().message()).find(GetParam().OpName()), std::string::npos)
      << with_more.status();
  if (inputs().empty()) return;
  std::vector<TensorSpec> fewer = inputs();
  fewer.pop_back();
  const auto with_fewer = op()->Infer(fewer);
  EXPECT_EQ(with_fewer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(with_fewer.status().message()).find(GetParam().OpName()), std::string::npos)
      << with_fewer.status();
}

// --- Results by hand
// -------------------------------------------------------------------------------

struct Good {
  std::string name;
  std::shared_ptr<const Op> op;
  std::vector<TensorSpec> in;
  std::vector<TensorSpec> out;
};
void PrintTo(const Good& good, std::ostream* out) { *out << good.name; }

template <typename T, typename... Args>
std::shared_ptr<const Op> Make(Args&&... args) {
  return std::make_shared<T>(std::forward<Args>(args)...);
}

AttentionAttributes Attention(AttentionGeometry geometry, int64_t heads, bool relative, bool packed,
                              double dropout = 0.0) {
  return {.geometry = geometry,
          .heads = heads,
          .relative = relative,
          .packed = packed,
          .dropout = dropout};
}
constexpr AttentionGeometry kSelf4{.queries = 4, .keys = 4};
constexpr AttentionGeometry kDown{.queries = 2, .keys = 6, .query_step = 3};
constexpr AttentionGeometry kUp{.queries = 6, .keys = 2, .key_step = 3};

std::vector<Good> GoodCases() {
  return {
      {"matmul",
       Make<MatmulOp>(false, false, true),
       {F({2, 3, 5}), F({5, 7}), F({7})},
       {F({2, 3, 7})}},
      {"matmul_transpose_a",
       Make<MatmulOp>(true, false, false),
       {F({2, 3, 5}), F({2, 3, 7})},
       {F({5, 7})}},
      {"matmul_transpose_b",
       Make<MatmulOp>(false, true, false),
       {F({2, 3, 5}), F({7, 5})},
       {F({2, 3, 7})}},
      {"matmul_bf16",
       Make<MatmulOp>(false, false, true),
       {H({2, 3, 5}), H({5, 7}), F({7})},
       {H({2, 3, 7})}},
      {"matmul_bf16_wide",
       Make<MatmulOp>(true, false, false, DType::kF32),
       {H({2, 3, 5}), H({2, 3, 7})},
       {F({5, 7})}},
      {"matmul_bf16_residual",
       Make<MatmulOp>(false, false, true, DType::kF32, true),
       {H({2, 3, 5}), H({5, 7}), F({7}), F({2, 3, 7})},
       {F({2, 3, 7})}},
      {"residual_norm",
       Make<ResidualNormOp>(0.0, 0),
       {F({2, 3, 5}), F({2, 3, 5}), F({5}), F({5})},
       {F({2, 3, 5}), F({2, 3, 5}), F({6}), F({6})}},
      {"residual_norm_bf16_dropout",
       Make<ResidualNormOp>(0.1, 0, DType::kBF16),
       {F({2, 5}), F({2, 5}), F({5}), F({5}), U({4})},
       {F({2, 5}), H({2, 5}), F({2}), F({2})}},
      {"residual_norm_grad",
       Make<ResidualNormGradOp>(0.0, 0),
       {F({2, 5}), F({5}), F({2}), F({2}), H({2, 5}), F({2, 5})},
       {F({2, 5}), F({5}), F({5})}},
      {"residual_norm_grad_dropout",
       Make<ResidualNormGradOp>(0.1, 0),
       {F({2, 5}), F({5}), F({2}), F({2}), F({2, 5}), F({2, 5}), U({4})},
       {F({2, 5}), F({5}), F({5}), F({2, 5})}},
      {"residual", Make<ResidualOp>(0.1, 0), {F({2, 5}), F({2, 5}), U({4})}, {F({2, 5})}},
      {"layer_norm_bf16",
       Make<LayerNormOp>(DType::kBF16),
       {F({2, 5}), F({5}), F({5})},
       {H({2, 5}), F({2}), F({2})}},
      {"layer_norm_grad_bf16",
       Make<LayerNormGradOp>(),
       {F({2, 5}), F({5}), F({2}), F({2}), H({2, 5})},
       {F({2, 5}), F({5}), F({5})}},
      {"column_sum_bf16", Make<ColumnSumOp>(), {H({2, 3, 5})}, {F({5})}},
      {"attention_bf16",
       Make<AttentionOp>(Attention(kSelf4, 2, true, true)),
       {H({3, 4, 24}), H({4, 8}), F({2, 4}), F({2, 4})},
       {H({3, 4, 8}), F({3, 2, 4})}},
      {"attention_grad_bf16",
       Make<AttentionGradOp>(Attention(kSelf4, 2, true, true)),
       {H({3, 4, 24}), H({4, 8}), F({2, 4}), F({2, 4}), H({3, 4, 8}), F({3, 2, 4}), H({3, 4, 8})},
       {H({3, 4, 24}), H({4, 8}), F({2, 4}), F({2, 4})}},
      {"layer_norm",
       Make<LayerNormOp>(),
       {F({2, 3, 5}), F({5}), F({5})},
       {F({2, 3, 5}), F({6}), F({6})}},
      {"layer_norm_grad",
       Make<LayerNormGradOp>(),
       {F({2, 3, 5}), F({5}), F({6}), F({6}), F({2, 3, 5})},
       {F({2, 3, 5}), F({5}), F({5})}},
      {"attention_packed",
       Make<AttentionOp>(Attention(kSelf4, 2, false, true)),
       {F({3, 4, 24})},
       {F({3, 4, 8}), F({3, 2, 4})}},
      {"attention_down",
       Make<AttentionOp>(Attention(kDown, 2, true, false)),
       {F({3, 2, 8}), F({3, 6, 16}), F({6, 8}), F({2, 4}), F({2, 4})},
       {F({3, 2, 8}), F({3, 2, 2})}},
      {"attention_up",
       Make<AttentionOp>(Attention(kUp, 2, true, false, 0.1)),
       {F({3, 6, 8}), F({3, 2, 16}), F({6, 8}), F({2, 4}), F({2, 4}), U({4})},
       {F({3, 6, 8}), F({3, 2, 6})}},
      {"attention_grad",
       Make<AttentionGradOp>(Attention(kDown, 2, false, false, 0.1)),
       {F({3, 2, 8}), F({3, 6, 16}), U({4}), F({3, 2, 8}), F({3, 2, 2}), F({3, 2, 8})},
       {F({3, 2, 8}), F({3, 6, 16})}},
      {"pool", Make<PoolOp>(3, 1.0), {F({2, 6, 5})}, {F({2, 2, 5})}},
      {"repeat", Make<RepeatOp>(3, 1.0), {F({2, 2, 5})}, {F({2, 6, 5})}},
      {"embedding", Make<EmbeddingOp>(), {F({256, 8}), I({2, 3})}, {F({2, 3, 8})}},
      {"embedding_grad", Make<EmbeddingGradOp>(256), {I({2, 3}), F({2, 3, 8})}, {F({256, 8})}},
      {"cross_entropy",
       Make<CrossEntropyOp>(std::nullopt),
       {F({2, 3, 7}), I({2, 3})},
       {F({1}), F({2, 3})}},
      {"cross_entropy_bf16",
       Make<CrossEntropyOp>(std::nullopt),
       {{Shape{2, 3, 7}, DType::kBF16}, I({2, 3})},
       {F({1}), F({2, 3})}},
      {"shift_rows", Make<ShiftRowsOp>(1, 5), {I({2, 3})}, {I({2, 5})}},
      {"reshape", Make<ReshapeOp>(Shape{6, 2}), {F({3, 4})}, {F({6, 2})}},
      {"column_sum", Make<ColumnSumOp>(), {F({2, 3, 4})}, {F({4})}},
      {"rotary", Make<RotaryOp>(2, 1, 1), {F({2, 3, 24})}, {F({2, 3, 24})}},
      {"sum_squares", Make<SumSquaresOp>(), {F({9})}, {F({1})}},
      {"cast", Make<CastOp>(DType::kBF16), {F({9})}, {{Shape{9}, DType::kBF16}}},
      {"fill", Make<FillOp>(F({2, 2}), 1.0), {}, {F({2, 2})}},
  };
}

class InferGoodTest : public ::testing::TestWithParam<Good> {};
INSTANTIATE_TEST_SUITE_P(Ops, InferGoodTest, ::testing::ValuesIn(GoodCases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(InferGoodTest, GivesTheSpecs) {
  const auto out = GetParam().op->Infer(GetParam().in);
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_EQ(out->size(), GetParam().out.size());
  for (size_t i = 0; i < out->size(); ++i) {
    EXPECT_EQ((*out)[i].ToString(), GetParam().out[i].ToString()) << "output " << i;
  }
}

// --- Refusals
// --------------------------------------------------------------------------------------

struct Bad {
  std::string name;
  std::shared_ptr<const Op> op;
  std::vector<TensorSpec> in;
  std::string mentions;  // the op is mentioned always
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

std::vector<Bad> BadRows() {
  const auto plain = Make<MatmulOp>(false, false, false);
  const auto bias = Make<MatmulOp>(false, false, true);
  const auto transpose_a = Make<MatmulOp>(true, false, false);
  const auto residual = Make<MatmulOp>(false, false, false, DType::kF32, true);
  const auto residual_norm = Make<ResidualNormOp>(0.0, 0);
  const auto residual_norm_grad = Make<ResidualNormGradOp>(0.0, 0);
  const auto norm = Make<LayerNormOp>();
  const auto norm_grad = Make<LayerNormGradOp>();
  const auto loss = Make<CrossEntropyOp>(std::nullopt);
  const auto loss_grad = Make<CrossEntropyGradOp>(std::nullopt);
  return {
      {"matmul_inner", plain, {F({2, 5}), F({6, 7})}, "inner"},
      {"matmul_integers", plain, {I({2, 5}), I({5, 7})}, "floating"},
      {"matmul_mixed", plain, {F({2, 5}), {Shape{5, 7}, DType::kF64}}, "b"},
      {"matmul_b_rank", plain, {F({2, 5}), F({1, 5, 7})}, "b"},
      {"matmul_scalar", plain, {Scalar(), F({5, 7})}, "a"},
      {"matmul_bias_width", bias, {F({2, 5}), F({5, 7}), F({6})}, "bias"},
      {"matmul_transpose_a_rows", transpose_a, {F({2, 3, 5}), F({7, 5})}, "rows"},
      {"matmul_both_transposed",
       Make<MatmulOp>(true, true, false),
       {F({3, 5}), F({3, 5})},
       "transpose"},
      {"matmul_bf16_bias", bias, {H({2, 5}), H({5, 7}), H({7})}, "bias"},
      {"matmul_narrow_out",
       Make<MatmulOp>(false, false, false, DType::kBF16),
       {F({2, 5}), F({5, 7})},
       "come out"},
      {"matmul_residual_shape", residual, {F({2, 5}), F({5, 7}), F({7, 2})}, "residual"},
      {"matmul_residual_type", residual, {H({2, 5}), H({5, 7}), H({2, 7})}, "residual"},
      {"matmul_residual_narrow",
       Make<MatmulOp>(false, false, false, DType::kBF16, true),
       {H({2, 5}), H({5, 7}), F({2, 7})},
       "come out"},
      {"matmul_residual_transpose_a",
       Make<MatmulOp>(true, false, false, std::nullopt, true),
       {F({2, 5}), F({2, 7}), F({5, 7})},
       "transpose_a"},
      {"residual_norm_branch", residual_norm, {F({2, 5}), F({5, 2}), F({5}), F({5})}, "branch"},
      {"residual_norm_branch_type",
       residual_norm,
       {F({2, 5}), H({2, 5}), F({5}), F({5})},
       "branch"},
      {"residual_norm_no_batch", residual_norm, {F({5}), F({5}), F({5}), F({5})}, "x"},
      {"residual_norm_bf16_x", residual_norm, {H({2, 5}), H({2, 5}), F({5}), F({5})}, "statistics"},
      {"residual_norm_rate",
       Make<ResidualNormOp>(1.0, 0),
       {F({2, 5}), F({2, 5}), F({5}), F({5}), U({4})},
       "rate"},
      {"residual_norm_no_random",
       Make<ResidualNormOp>(0.1, 0),
       {F({2, 5}), F({2, 5}), F({5}), F({5})},
       "inputs"},
      {"residual_norm_random",
       Make<ResidualNormOp>(0.1, 0),
       {F({2, 5}), F({2, 5}), F({5}), F({5}), F({4})},
       "random"},
      {"residual_norm_grad_d_sum",
       residual_norm_grad,
       {F({2, 5}), F({5}), F({2}), F({2}), F({2, 5}), F({5, 2})},
       "d_sum"},
      {"residual_norm_grad_d_sum_type",
       residual_norm_grad,
       {F({2, 5}), F({5}), F({2}), F({2}), F({2, 5}), H({2, 5})},
       "d_sum"},
      {"residual_norm_grad_mean",
       residual_norm_grad,
       {F({2, 5}), F({5}), F({3}), F({2}), F({2, 5}), F({2, 5})},
       "mean"},
      {"layer_norm_bf16_x", norm, {H({2, 5}), F({5}), F({5})}, "statistics"},
      {"layer_norm_mixed", norm, {F({2, 5}), F({5}), H({5})}, "bias"},
      {"layer_norm_wider_out",
       Make<LayerNormOp>(DType::kF64),
       {F({2, 5}), F({5}), F({5})},
       "come out"},
      {"layer_norm_grad_bf16_x",
       norm_grad,
       {H({2, 5}), F({5}), F({2}), F({2}), H({2, 5})},
       "statistics"},
      {"layer_norm_scale", norm, {F({2, 5}), F({4}), F({5})}, "scale"},
      {"layer_norm_bias", norm, {F({2, 5}), F({5}), F({4})}, "bias"},
      {"layer_norm_integers", norm, {I({2, 5}), F({5}), F({5})}, "x"},
      {"layer_norm_scalar", norm, {Scalar(), F({1}), F({1})}, "x"},
      {"layer_norm_grad_d_y", norm_grad, {F({2, 5}), F({5}), F({2}), F({2}), F({5, 2})}, "d_y"},
      {"layer_norm_grad_mean", norm_grad, {F({2, 5}), F({5}), F({3}), F({2}), F({2, 5})}, "mean"},
      {"layer_norm_grad_rstd", norm_grad, {F({2, 5}), F({5}), F({2}), F({3}), F({2, 5})}, "rstd"},
      {"embedding_float_tokens", Make<EmbeddingOp>(), {F({7, 3}), F({2, 3})}, "tokens"},
      {"embedding_token_rank", Make<EmbeddingOp>(), {F({7, 3}), I({6})}, "tokens"},
      {"embedding_table_rank", Make<EmbeddingOp>(), {F({7}), I({2, 3})}, "table"},
      {"embedding_grad_length", Make<EmbeddingGradOp>(7), {I({2, 3}), F({2, 4, 5})}, "tokens"},
      {"embedding_grad_rank", Make<EmbeddingGradOp>(7), {I({2, 3}), F({6, 5})}, "d_out"},
      {"cross_entropy_targets", loss, {F({2, 3, 7}), I({2, 4})}, "targets"},
      {"cross_entropy_float_targets", loss, {F({2, 3, 7}), F({2, 3})}, "targets"},
      {"cross_entropy_logit_rank", loss, {F({6, 7}), I({2, 3})}, "logits"},
      {"cross_entropy_grad_token_nats",
       loss_grad,
       {F({2, 3, 7}), I({2, 3}), F({6}), F({1})},
       "token_nats"},
      {"cross_entropy_grad_d_loss",
       loss_grad,
       {F({2, 3, 7}), I({2, 3}), F({2, 3}), F({2, 3})},
       "d_loss"},
  };
}

std::vector<Bad> BadAttention() {
  const auto packed = Make<AttentionOp>(Attention(kSelf4, 2, false, true));
  const auto relative = Make<AttentionOp>(Attention(kSelf4, 2, true, true));
  const auto dropout = Make<AttentionOp>(Attention(kSelf4, 2, false, true, 0.1));
  const auto down = Make<AttentionOp>(Attention(kDown, 2, false, false));
  const auto grad = Make<AttentionGradOp>(Attention(kSelf4, 2, false, true));
  const std::vector<TensorSpec> three = {F({3, 4, 24})};
  return {
      {"attention_length", packed, {F({3, 5, 24})}, "query_key_value"},
      {"attention_rank", packed, {F({12, 24})}, "query"},
      {"attention_integers", packed, {I({3, 4, 24})}, "query"},
      {"attention_heads", Make<AttentionOp>(Attention(kSelf4, 5, false, true)), three, "5 heads"},
      {"attention_no_heads", Make<AttentionOp>(Attention(kSelf4, 0, false, true)), three, "heads"},
      {"attention_packed_down", Make<AttentionOp>(Attention(kDown, 2, false, true)), three,
       "packed"},
      {"attention_r_rows", relative, {F({3, 4, 24}), F({5, 8}), F({2, 4}), F({2, 4})}, "r "},
      {"attention_u", relative, {F({3, 4, 24}), F({4, 8}), F({8}), F({2, 4})}, "u "},
      {"attention_v", relative, {F({3, 4, 24}), F({4, 8}), F({2, 4}), F({4, 2})}, "v "},
      {"attention_bf16_u", relative, {H({3, 4, 24}), H({4, 8}), H({2, 4}), F({2, 4})}, "u "},
      {"attention_mixed_r", relative, {H({3, 4, 24}), F({4, 8}), F({2, 4}), F({2, 4})}, "r "},
      {"attention_grad_mixed",
       grad,
       {H({3, 4, 24}), H({3, 4, 8}), F({3, 2, 4}), F({3, 4, 8})},
       "d_out"},
      {"attention_random_size", dropout, {F({3, 4, 24}), U({3})}, "random"},
      {"attention_random_type", dropout, {F({3, 4, 24}), I({4})}, "random"},
      {"attention_keys", down, {F({3, 2, 8}), F({3, 5, 16})}, "key_value"},
      {"attention_key_width", down, {F({3, 2, 8}), F({3, 6, 8})}, "key_value"},
      {"attention_key_batch", down, {F({3, 2, 8}), F({2, 6, 16})}, "key_value"},
      {"attention_key_type", down, {F({3, 2, 8}), {Shape{3, 6, 16}, DType::kF64}}, "key_value"},
      {"attention_geometry",
       Make<AttentionOp>(Attention({.queries = 2, .keys = 5, .query_step = 3}, 2, false, false)),
       {F({3, 2, 8}), F({3, 5, 16})},
       "positions"},
      {"attention_no_query",
       Make<AttentionOp>(Attention({.queries = 0, .keys = 0}, 2, false, false)),
       {F({3, 0, 8}), F({3, 0, 16})},
       "0 queries"},
      {"attention_grad_out",
       grad,
       {F({3, 4, 24}), F({3, 4, 9}), F({3, 2, 4}), F({3, 4, 8})},
       "out"},
      {"attention_grad_log_sum_exp",
       grad,
       {F({3, 4, 24}), F({3, 4, 8}), F({3, 4, 2}), F({3, 4, 8})},
       "log_sum_exp"},
      {"attention_grad_d_out",
       grad,
       {F({3, 4, 24}), F({3, 4, 8}), F({3, 2, 4}), F({3, 4, 9})},
       "d_out"},
      {"attention_grad_source",
       grad,
       {F({3, 5, 24}), F({3, 4, 8}), F({3, 2, 4}), F({3, 4, 8})},
       "query_key_value"},
  };
}

std::vector<Bad> BadOthers() {
  const auto adam = Make<AdamOp>(0.9, 0.98, 1e-9, 0.0);
  const auto accumulate = Make<AccumulateOp>();
  const TensorSpec x = F({9}), one = F({1}), scalars = F({kAdamScalars});
  return {
      {"add_shapes", Make<AddOp>(), {F({2, 3}), F({3, 2})}, "equal"},
      {"add_types", Make<AddOp>(), {F({2}), {Shape{2}, DType::kF64}}, "equal"},
      {"add_integers", Make<AddOp>(), {I({2}), I({2})}, "floating"},
      {"cast_integers", Make<CastOp>(DType::kF32), {I({2})}, "floating"},
      {"cast_to_integers", Make<CastOp>(DType::kI32), {F({2})}, "floating"},
      {"gelu_integers", Make<GeluOp>(), {I({2})}, "x"},
      {"gelu_grad_shape", Make<GeluGradOp>(), {F({2, 3}), F({3, 2})}, "d_y"},
      {"gelu_grad_type", Make<GeluGradOp>(), {F({2}), {Shape{2}, DType::kF64}}, "d_y"},
      {"dropout_rate_one", Make<DropoutOp>(1.0, 0), {F({2, 3}), U({4})}, "rate"},
      {"dropout_negative", Make<DropoutOp>(-0.1, 0), {F({2, 3}), U({4})}, "rate"},
      {"dropout_not_a_number", Make<DropoutOp>(std::nan(""), 0), {F({2, 3}), U({4})}, "rate"},
      {"dropout_scalar", Make<DropoutOp>(0.1, 0), {Scalar(), U({4})}, "batch"},
      {"dropout_random", Make<DropoutOp>(0.1, 0), {F({2, 3}), F({4})}, "random"},
      {"residual_branch", Make<ResidualOp>(0.1, 0), {F({2, 3}), F({3, 2}), U({4})}, "branch"},
      {"residual_type", Make<ResidualOp>(0.1, 0), {F({2, 3}), H({2, 3}), U({4})}, "branch"},
      {"residual_rate", Make<ResidualOp>(1.0, 0), {F({2, 3}), F({2, 3}), U({4})}, "rate"},
      {"residual_random", Make<ResidualOp>(0.1, 0), {F({2, 3}), F({2, 3}), F({4})}, "random"},
      {"pool_length", Make<PoolOp>(3, 1.0), {F({2, 7, 5})}, "3"},
      {"pool_zero", Make<PoolOp>(0, 1.0), {F({2, 7, 5})}, "k = 0"},
      {"pool_rank", Make<PoolOp>(3, 1.0), {F({6, 5})}, "x"},
      {"repeat_zero", Make<RepeatOp>(0, 1.0), {F({2, 7, 5})}, "k = 0"},
      {"repeat_rank", Make<RepeatOp>(3, 1.0), {F({6, 5})}, "x"},
      {"shift_rows_rank", Make<ShiftRowsOp>(1, 3), {F({5})}, "row axis"},
      {"shift_rows_negative", Make<ShiftRowsOp>(0, -3), {F({2, 5})}, "rows = -3"},
      {"reshape_elements", Make<ReshapeOp>(Shape{5}), {F({2, 3})}, "[5]"},
      {"column_sum_integers", Make<ColumnSumOp>(), {I({2, 3})}, "input"},
      {"column_sum_scalar", Make<ColumnSumOp>(), {Scalar()}, "input"},
      {"rotary_odd_head", Make<RotaryOp>(2, 1, 1), {F({2, 3, 18})}, "even"},
      {"rotary_heads", Make<RotaryOp>(0, 1, 1), {F({2, 3, 24})}, "0 heads"},
      {"rotary_rank", Make<RotaryOp>(2, 1, 1), {F({6, 24})}, "x"},
      {"accumulate_shape", accumulate, {x, F({8}), U({1})}, "value"},
      {"accumulate_type", accumulate, {x, {Shape{9}, DType::kF64}, U({1})}, "value"},
      {"accumulate_flag", accumulate, {x, x, I({1})}, "overwrite"},
      {"sum_squares_integers", Make<SumSquaresOp>(), {I({9})}, "x"},
      {"adam_moment_type", adam, {x, x, {Shape{9}, DType::kF64}, x, scalars, one}, "m is"},
      {"adam_scalar_type", adam, {x, x, x, x, {Shape{3}, DType::kF64}, one}, "scalars is"},
      {"adam_gradient", adam, {x, F({8}), x, x, scalars, one}, "gradient"},
      {"adam_m", adam, {x, x, F({8}), x, scalars, one}, "m "},
      {"adam_v", adam, {x, x, x, F({8}), scalars, one}, "v "},
      {"adam_scalars", adam, {x, x, x, x, F({2}), one}, "scalars"},
      {"adam_sum_squares", adam, {x, x, x, x, scalars, F({2})}, "sum_squares"},
  };
}

std::vector<Bad> BadCases() {
  std::vector<Bad> all = BadRows();
  for (const auto& more : {BadAttention(), BadOthers()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

class InferBadTest : public ::testing::TestWithParam<Bad> {};
INSTANTIATE_TEST_SUITE_P(Ops, InferBadTest, ::testing::ValuesIn(BadCases()),
                         [](const auto& info) { return info.param.name; });

// "attention_grad" checks what it shares with attention under that name.
std::string Family(std::string_view op) {
  return op == "attention_grad" ? "attention" : std::string(op);
}

TEST_P(InferBadTest, IsRefusedWithOpAndReason) {
  const auto out = GetParam().op->Infer(GetParam().in);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(out.status().message());
  EXPECT_EQ(message.find(Family(GetParam().op->Name())), 0u) << message;
  EXPECT_NE(message.find(GetParam().mentions), std::string::npos) << message;
}

// The graph adds where the op was recorded and what it got.
TEST_P(InferBadTest, GraphAddsScopeAndSpecs) {
  Graph graph;
  graph.set_scope("pre.0.attention");
  std::vector<Value> values;
  for (size_t i = 0; i < GetParam().in.size(); ++i) {
    values.push_back(graph.Input("in" + std::to_string(i), GetParam().in[i]));
  }
  graph.Add(GetParam().op, values);
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(graph.status().message());
  EXPECT_NE(message.find("pre.0.attention"), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().in[0].ToString()), std::string::npos) << message;
}

TEST(InferBadCases, EveryOpOfTheTableIsThere) {
  std::set<std::string> refused = {"fill"};  // takes no input; the count is tested above
  for (const Bad& bad : BadCases()) refused.insert(std::string(bad.op->Name()));
  for (const OpCase& op_case : AllOpCases()) {
    EXPECT_TRUE(refused.contains(op_case.OpName())) << op_case.OpName();
  }
}

}  // namespace
}  // namespace hourglass::testing
