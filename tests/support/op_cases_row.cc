#include "hourglass/ops/embedding.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/norm.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

const ErrorBound kNorm{16.0, ErrorScale::kLargest,
                       "mean and variance carry a few roundings into every element of the row"};
const ErrorBound kNormFarFromZero{64.0, ErrorScale::kLargest,
                                  "x - mean loses the digits of mean / deviation = 30, and the "
                                  "mean is a rounded sum"};
const ErrorBound kNormGrad{32.0, ErrorScale::kLargestOfAll,
                           "two row means, then a sum over the rows for scale and bias"};

struct NormCase {
  const char* name;
  Shape x;
  double mean = 0.0;
  bool slow = false;
};

// Mean or rstd of the rows of the first input.
Generator NormStatistic(size_t output) {
  return
      [output](std::mt19937_64& random, const Shape& shape, std::span<const HostTensor> earlier) {
        // The scale stands in for the bias too: neither changes the statistics.
        const std::vector<HostTensor> in = {earlier[0], earlier[1], earlier[1]};
        return ForwardOutput(std::make_shared<LayerNormOp>(), 3, output)(random, shape, in);
      };
}

OpCase LayerNormCase(const NormCase& c) {
  const Shape width{c.x[-1]};
  return {.name = std::string("layer_norm/") + c.name,
          .make = MakesOf<LayerNormOp>(),
          .inputs = {WideFloats(c.x, Normal(1.0, c.mean)), WideFloats(width), WideFloats(width)},
          .differentiable = {0, 1, 2},
          .bound = c.mean == 0 ? kNorm : kNormFarFromZero,
          .slow = c.slow};
}

OpCase LayerNormGradCase(const NormCase& c) {
  const Shape width{c.x[-1]}, rows{c.x.Rows()};
  return {.name = std::string("layer_norm_grad/") + c.name,
          .make = Makes<LayerNormGradOp>(),
          .inputs = {WideFloats(c.x, Normal(1.0, c.mean)), WideFloats(width),
                     WideFloats(rows, NormStatistic(1)), WideFloats(rows, NormStatistic(2)),
                     Floats(c.x)},
          .bound = kNormGrad,
          .slow = c.slow};
}

void AddLayerNorm(std::vector<OpCase>& cases) {
  const NormCase table[] = {
      {"one_row", {1, 1, 8}},
      {"small", {3, 5, 16}},
      {"odd", {2, 7, 33}},
      {"far_from_zero", {2, 9, 48}, 30.0},
      {"tiles", {130, 64}, 0.0, true},
      {"wide", {2, 17, 512}, 0.0, true},
  };
  for (const NormCase& c : table) cases.push_back(LayerNormCase(c));
  for (const NormCase& c : table) cases.push_back(LayerNormGradCase(c));
  // One column: x is its own mean, y is the bias.
  cases.push_back({.name = "layer_norm/width_1",
                   .make = MakesOf<LayerNormOp>(),
                   .inputs = {WideFloats({3, 5, 1}), WideFloats({1}), WideFloats({1})},
                   .differentiable = {0, 1, 2},
                   .bound = kNorm,
                   .outputs = {{.constant = true}, {}, {.constant = true}}});
  cases.push_back({.name = "layer_norm_grad/width_1",
                   .make = Makes<LayerNormGradOp>(),
                   .inputs = {WideFloats({5, 1}, Numbers({1, -2, 3, 0.5, 7})), WideFloats({1}),
                              WideFloats({5}, Numbers({1, -2, 3, 0.5, 7})),
                              WideFloats({5}, Numbers({1000})), Floats({5, 1})},
                   .bound = kNormGrad,
                   .outputs = {{.zeros = 1.0}, {.zeros = 1.0}, {}}});
}

struct ResidualNormCase {
  const char* name;
  Shape x;
  double rate = 0.0;
  double mean = 0.0;
  bool slow = false;
};

constexpr RandomSite kResidualSite = MakeRandomSite("test.residual");

void AddResidualNormCase(const ResidualNormCase& c, std::vector<OpCase>& cases) {
  const Shape width{c.x[-1]}, rows{c.x.Rows()};
  OpCase forward{.name = std::string("residual_norm/") + c.name,
                 .make = MakesOf<ResidualNormOp>(c.rate, kResidualSite),
                 .inputs = {WideFloats(c.x, Normal(1.0, c.mean)), WideFloats(c.x),
                            WideFloats(width), WideFloats(width)},
                 .differentiable = {0, 1, 2, 3},
                 .gradient_outputs = 2,
                 .bound = c.mean == 0 ? kNorm : kNormFarFromZero,
                 .slow = c.slow};
  OpCase backward{.name = std::string("residual_norm_grad/") + c.name,
                  .make = Makes<ResidualNormGradOp>(c.rate, kResidualSite),
                  .inputs = {WideFloats(c.x, Normal(1.0, c.mean)), WideFloats(width),
                             WideFloats(rows, NormStatistic(1)), WideFloats(rows, NormStatistic(2)),
                             Floats(c.x), WideFloats(c.x)},
                  .bound = kNormGrad,
                  .slow = c.slow};
  if (c.rate > 0) {
    forward.inputs.push_back(RandomInput());
    backward.inputs.push_back(RandomInput());
    backward.outputs = {{}, {}, {}, {.zeros = c.rate}};
  }
  cases.push_back(std::move(forward));
  cases.push_back(std::move(backward));
}

void AddResidualNorm(std::vector<OpCase>& cases) {
  const ResidualNormCase table[] = {
      {"one_row", {1, 1, 8}},
      {"small", {3, 5, 16}},
      {"odd", {2, 7, 33}},
      {"far_from_zero", {2, 9, 48}, 0.0, 30.0},
      {"wide", {2, 17, 512}, 0.0, 0.0, true},
      {"dropout_small", {3, 5, 16}, 0.25},
      {"dropout_one_row_each", {24, 1, 13}, 0.5},
      {"dropout_odd", {4, 3, 33}, 0.25},
      {"dropout_four_axes", {2, 3, 2, 19}, 0.4},
      {"dropout_wide", {2, 17, 513}, 0.1, 0.0, true},
  };
  for (const ResidualNormCase& c : table) AddResidualNormCase(c, cases);
}

void AddEmbedding(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    int vocab_size;
    int64_t width, batch, length;
    double unused;  // fraction of table rows that no token names
    bool slow = false;
  };
  const Case table[] = {
      {"one", 1, 1, 1, 1, 0.0},
      {"width_1", 3, 1, 2, 9, 0.0},
      {"odd", 5, 7, 3, 11, 0.0},
      {"bytes", 256, 48, 2, 130, 0.36, true},
  };
  for (const Case& c : table) {
    const Shape tokens{c.batch, c.length};
    cases.push_back({.name = std::string("embedding/") + c.name,
                     .make = Makes<EmbeddingOp>(),
                     .inputs = {Floats({c.vocab_size, c.width}), Ids(tokens, Tokens(c.vocab_size))},
                     .differentiable = {0},
                     .exact = true,
                     .slow = c.slow});
    cases.push_back(
        {.name = std::string("embedding_grad/") + c.name,
         .make = Makes<EmbeddingGradOp>(c.vocab_size),
         .inputs = {Ids(tokens, Tokens(c.vocab_size)), Floats({c.batch, c.length, c.width})},
         .bound = {4.0, ErrorScale::kAbsoluteOp, "one rounding per occurrence of the token"},
         .outputs = {{.zeros = c.unused}},
         .slow = c.slow});
  }
  cases.push_back({.name = "embedding_grad/integers",
                   .make = Makes<EmbeddingGradOp>(6),
                   .inputs = {Ids({2, 17}, Tokens(6)), Floats({2, 17, 9}, Integers(1000))},
                   .exact = true});
}

void AddCrossEntropy(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape logits;
    std::optional<int32_t> mask_id = {};
    int mask_every = 0;
    double scale = 1.0;
    double zeros = 0.0;       // fraction of targets that cost nothing
    double grad_zeros = 0.0;  // fraction of logits that do not matter
    bool slow = false;
  };
  const Case table[] = {
      {.name = "two_words", .logits = {1, 1, 2}},
      {.name = "small", .logits = {2, 3, 5}},
      {.name = "large_logits",
       .logits = {2, 3, 7},
       .scale = 30.0,
       .zeros = 0.33,
       .grad_zeros = 0.7},
      {.name = "masked",
       .logits = {2, 6, 17},
       .mask_id = 0,
       .mask_every = 2,
       .zeros = 0.55,
       .grad_zeros = 0.55},
      {.name = "bytes", .logits = {2, 65, 256}, .slow = true},
      {.name = "bytes_masked",
       .logits = {2, 65, 256},
       .mask_id = 0,
       .mask_every = 4,
       .zeros = 0.25,
       .grad_zeros = 0.25,
       .slow = true},
  };
  for (const Case& c : table) {
    const int vocab_size = static_cast<int>(c.logits[2]);
    const Shape tokens{c.logits[0], c.logits[1]};
    const auto op = std::make_shared<CrossEntropyOp>(c.mask_id);
    const CaseInput logits = Floats(c.logits, Normal(c.scale));
    const CaseInput targets = Ids(tokens, Tokens(vocab_size, c.mask_every));
    cases.push_back({.name = std::string("cross_entropy/") + c.name,
                     .make = Makes<CrossEntropyOp>(c.mask_id),
                     .inputs = {logits, targets},
                     .differentiable = {0},
                     .bound = {16.0, ErrorScale::kLargest,
                               "log of a sum of V exponentials, then a mean over the tokens"},
                     .outputs = {{}, {.zeros = c.zeros}},
                     .slow = c.slow});
    cases.push_back({.name = std::string("cross_entropy_grad/") + c.name,
                     .make = Makes<CrossEntropyGradOp>(c.mask_id),
                     .inputs = {logits, targets, WideFloats(tokens, ForwardOutput(op, 2, 1)),
                                WideFloats({1}, Numbers({0.75}))},
                     // exp turns an absolute error of the exponent into a relative one.
                     .bound = {8.0 * (1 + c.scale), ErrorScale::kLargest,
                               "one exponential of a number of the size of the logits"},
                     .outputs = {{.zeros = c.grad_zeros}},
                     .slow = c.slow});
  }
  cases.push_back({.name = "cross_entropy/all_masked",
                   .make = Makes<CrossEntropyOp>(0),
                   .inputs = {Floats({2, 3, 5}), Ids({2, 3}, Numbers({0}))},
                   .differentiable = {0},
                   .exact = true,
                   .outputs = {{.zeros = 1.0}, {.zeros = 1.0}}});
  cases.push_back({.name = "cross_entropy_grad/all_masked",
                   .make = Makes<CrossEntropyGradOp>(0),
                   .inputs = {Floats({2, 3, 5}), Ids({2, 3}, Numbers({0})),
                              WideFloats({2, 3}, Numbers({0})), WideFloats({1}, Numbers({1}))},
                   .exact = true,
                   .outputs = {{.zeros = 1.0}}});
}

}  // namespace

void AddRowCases(std::vector<OpCase>& cases) {
  AddLayerNorm(cases);
  AddResidualNorm(cases);
  AddEmbedding(cases);
  AddCrossEntropy(cases);
}

}  // namespace hourglass::testing
