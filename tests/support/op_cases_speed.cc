// Sizes of the real models, for op_benchmark: the reference would take minutes to judge them.

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
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

// Table 1 of the paper at the length of the benchmark: d = 512, f = 2048, 8 heads, V = 256.
constexpr int64_t kBatch = 4, kLength = 1026, kFactor = 3, kWidth = 512, kHidden = 2048;
constexpr int64_t kHeads = 8, kVocabSize = 256, kParameters = 40'000'000;

void AddAttention(std::vector<OpCase>& cases, const std::string& name, AttentionGeometry g,
                  bool packed) {
  const AttentionAttributes attributes{
      .geometry = g, .heads = kHeads, .relative = true, .packed = packed};
  const Shape query{kBatch, g.queries, kWidth};
  std::vector<CaseInput> inputs;
  if (packed) {
    inputs = {Floats({kBatch, g.queries, 3 * kWidth})};
  } else {
    inputs = {Floats(query), Floats({kBatch, g.keys, 2 * kWidth})};
  }
  inputs.push_back(Floats({g.Positions(), kWidth}));
  inputs.push_back(WideFloats({kHeads, kWidth / kHeads}));
  inputs.push_back(WideFloats({kHeads, kWidth / kHeads}));
  cases.push_back(
      {.name = "attention/" + name, .make = Makes<AttentionOp>(attributes), .inputs = inputs});
  // Not the log-sum-exp of these inputs, but of its size: the time does not depend on it.
  inputs.push_back(Floats(query));
  inputs.push_back(WideFloats({kBatch, kHeads, g.queries}, Normal(0.1, 7.0)));
  inputs.push_back(Floats(query));
  cases.push_back({.name = "attention_grad/" + name,
                   .make = Makes<AttentionGradOp>(attributes),
                   .inputs = inputs});
}

void AddMatmul(std::vector<OpCase>& cases, const std::string& name, int64_t in, int64_t out) {
  const Shape x{kBatch, kLength, in}, y{kBatch, kLength, out};
  cases.push_back({.name = "matmul/" + name,
                   .make = Makes<MatmulOp>(false, false, true),
                   .inputs = {Floats(x), Floats({in, out}), WideFloats({out})}});
  cases.push_back({.name = "matmul/" + name + "_d_input",
                   .make = Makes<MatmulOp>(false, true, false),
                   .inputs = {Floats(y), Floats({in, out})}});
  cases.push_back({.name = "matmul/" + name + "_d_weight",
                   .make =
                       [](DType run) {
                         return std::make_shared<const MatmulOp>(true, false, false, WideType(run));
                       },
                   .inputs = {Floats(x), Floats(y)}});
}

void AddRows(std::vector<OpCase>& cases) {
  const Shape x{kBatch, kLength, kWidth}, hidden{kBatch, kLength, kHidden};
  const Shape rows{kBatch * kLength}, tokens{kBatch, kLength}, width{kWidth};
  const Shape logits{kBatch, kLength, kVocabSize};
  const CaseInput ids = Ids(tokens, Tokens(static_cast<int>(kVocabSize)));
  cases.push_back({.name = "layer_norm/model",
                   .make = MakesOf<LayerNormOp>(),
                   .inputs = {WideFloats(x), WideFloats(width), WideFloats(width)}});
  cases.push_back({.name = "layer_norm_grad/model",
                   .make = Makes<LayerNormGradOp>(),
                   .inputs = {WideFloats(x), WideFloats(width), WideFloats(rows), WideFloats(rows),
                              Floats(x)}});
  const auto residual_inputs = [&](double rate, std::vector<CaseInput> inputs) {
    if (rate > 0) inputs.push_back(RandomInput());
    return inputs;
  };
  for (const double rate : {0.0, 0.1}) {
    const std::string name = rate > 0 ? "model_dropout" : "model";
    cases.push_back({.name = "residual_norm/" + name,
                     .make = MakesOf<ResidualNormOp>(rate, RandomSite{1}),
                     .inputs = residual_inputs(rate, {WideFloats(x), WideFloats(x),
                                                      WideFloats(width), WideFloats(width)})});
    cases.push_back(
        {.name = "residual_norm_grad/" + name,
         .make = Makes<ResidualNormGradOp>(rate, RandomSite{1}),
         .inputs = residual_inputs(rate, {WideFloats(x), WideFloats(width), WideFloats(rows),
                                          WideFloats(rows), Floats(x), WideFloats(x)})});
  }
  cases.push_back({.name = "residual/model",
                   .make = Makes<ResidualOp>(0.1, RandomSite{1}),
                   .inputs = {Floats(x), Floats(x), RandomInput()}});
  cases.push_back(
      {.name = "matmul/hidden_out_residual",
       .make =
           [](DType run) {
             return std::make_shared<const MatmulOp>(false, false, true, WideType(run), true);
           },
       .inputs = {Floats(hidden), Floats({kHidden, kWidth}), WideFloats(width), WideFloats(x)}});
  cases.push_back({.name = "gelu/model", .make = Makes<GeluOp>(), .inputs = {Floats(hidden)}});
  cases.push_back({.name = "gelu_grad/model",
                   .make = Makes<GeluGradOp>(),
                   .inputs = {Floats(hidden), Floats(hidden)}});
  cases.push_back({.name = "add/model", .make = Makes<AddOp>(), .inputs = {Floats(x), Floats(x)}});
  cases.push_back({.name = "dropout/model",
                   .make = Makes<DropoutOp>(0.1, RandomSite{1}),
                   .inputs = {Floats(x), RandomInput()}});
  cases.push_back(
      {.name = "column_sum/model", .make = Makes<ColumnSumOp>(), .inputs = {Floats(hidden)}});
  cases.push_back({.name = "shift_rows/model",
                   .make = Makes<ShiftRowsOp>(kFactor - 1, kLength),
                   .inputs = {Floats(x)}});
  cases.push_back(
      {.name = "pool/model", .make = Makes<PoolOp>(kFactor, 1.0 / kFactor), .inputs = {Floats(x)}});
  cases.push_back({.name = "embedding/model",
                   .make = Makes<EmbeddingOp>(),
                   .inputs = {Floats({kVocabSize, kWidth}), ids}});
  cases.push_back({.name = "embedding_grad/model",
                   .make = Makes<EmbeddingGradOp>(kVocabSize),
                   .inputs = {ids, Floats(x)}});
  cases.push_back({.name = "cross_entropy/model",
                   .make = Makes<CrossEntropyOp>(std::optional<int32_t>()),
                   .inputs = {Floats(logits), ids}});
  cases.push_back({.name = "cross_entropy_grad/model",
                   .make = Makes<CrossEntropyGradOp>(std::optional<int32_t>()),
                   .inputs = {Floats(logits), ids, Floats(tokens, Normal(0.1, 5.5)),
                              Floats({1}, Numbers({1}))}});
}

void AddOptimizer(std::vector<OpCase>& cases) {
  const Shape all{kParameters};
  const Generator ones = Numbers({0.5, 0.25});
  cases.push_back({.name = "adam/model",
                   .make = Makes<AdamOp>(0.9, 0.98, 1e-9, 0.0),
                   .inputs = {Floats(all, ones), Floats(all, ones), Floats(all, ones),
                              Floats(all, ones), Floats({kAdamScalars}, ones), Floats({1}, ones)}});
  cases.push_back(
      {.name = "sum_squares/model", .make = Makes<SumSquaresOp>(), .inputs = {Floats(all, ones)}});
}

}  // namespace

const std::vector<OpCase>& SpeedOpCases() {
  static const auto* all = [] {
    auto* cases = new std::vector<OpCase>();
    AddMatmul(*cases, "query_key_value", kWidth, 3 * kWidth);
    AddMatmul(*cases, "hidden", kWidth, kHidden);
    AddMatmul(*cases, "output", kWidth, kVocabSize);
    constexpr int64_t kCoarse = kLength / kFactor;
    AddAttention(*cases, "fine", {.queries = kLength, .keys = kLength}, true);
    AddAttention(*cases, "coarse", {.queries = kCoarse, .keys = kCoarse}, true);
    AddAttention(*cases, "shorten", {.queries = kCoarse, .keys = kLength, .query_step = kFactor},
                 false);
    AddAttention(*cases, "upsample", {.queries = kLength, .keys = kCoarse, .key_step = kFactor},
                 false);
    AddRows(*cases);
    AddOptimizer(*cases);
    return cases;
  }();
  return *all;
}

}  // namespace hourglass::testing
