#include <cmath>
#include <limits>

#include "hourglass/ops/dropout.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/optimizer.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

void AddGelu(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape x;
    double deviation;
    bool slow = false;
    double zeros = 0.0;  // far below 0 the function and its derivative vanish
  };
  const Case table[] = {
      {"one", {1}, 1.0},
      {"odd", {3, 5, 7}, 1.0},
      {"far", {5, 33}, 4.0, false, 0.12},
      {"large", {2, 65, 128}, 1.0, true},
  };
  for (const Case& c : table) {
    cases.push_back({.name = std::string("gelu/") + c.name,
                     .make = Makes<GeluOp>(),
                     .inputs = {Floats(c.x, Normal(c.deviation))},
                     .differentiable = {0},
                     .bound = {4.0, ErrorScale::kLargest, "a tanh and six products and sums"},
                     .outputs = {{.zeros = c.zeros}},
                     .slow = c.slow});
    cases.push_back({.name = std::string("gelu_grad/") + c.name,
                     .make = Makes<GeluGradOp>(),
                     .inputs = {Floats(c.x, Normal(c.deviation)), Floats(c.x)},
                     .bound = {8.0, ErrorScale::kLargest,
                               "a tanh and a dozen products and sums; 1 - tanh^2 cancels"},
                     .outputs = {{.zeros = c.zeros}},
                     .slow = c.slow});
  }
}

void AddDropout(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape x;
    double rate;
    bool exact;
    bool slow = false;
  };
  const Case table[] = {
      {"nothing", {2, 5, 3}, 0.0, true},       {"tenth", {4, 9, 7}, 0.1, false},
      {"odd_sequences", {7, 31}, 0.25, false}, {"half", {3, 130, 16}, 0.5, true, true},
      {"most", {2, 33, 33}, 0.9, false, true},
  };
  for (const Case& c : table) {
    cases.push_back(
        {.name = std::string("dropout/") + c.name,
         .make = Makes<DropoutOp>(c.rate, MakeRandomSite("test.dropout")),
         .inputs = {Floats(c.x), RandomInput()},
         .differentiable = {0},
         .bound = {2.0, ErrorScale::kAbsoluteOp, "a quotient, or a product with a rounded inverse"},
         .exact = c.exact,
         .outputs = {{.zeros = c.rate}},
         .slow = c.slow});
  }
}

void AddResidual(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape x;
    double rate;
    bool slow = false;
  };
  const Case table[] = {
      {"nothing", {2, 5, 3}, 0.0},
      {"tenth", {4, 9, 7}, 0.1},
      {"odd_sequences", {7, 31}, 0.25},
      {"most", {2, 130, 33}, 0.9, true},
  };
  const RandomSite site = MakeRandomSite("test.residual");
  for (const Case& c : table) {
    cases.push_back({.name = std::string("residual/") + c.name,
                     .make = Makes<ResidualOp>(c.rate, site),
                     .inputs = {Floats(c.x), Floats(c.x), RandomInput()},
                     .differentiable = {0, 1},
                     .bound = {3.0, ErrorScale::kAbsoluteOp,
                               "a quotient, or a product with a rounded inverse, and a sum"},
                     .slow = c.slow});
  }
  cases.push_back(
      {.name = "residual/integers",
       .make = Makes<ResidualOp>(0.5, site),
       .inputs = {Floats({5, 7, 9}, Integers(60)), Floats({5, 7, 9}, Integers(30)), RandomInput()},
       .differentiable = {0, 1},
       .exact = true});
}

void AddAccumulate(std::vector<OpCase>& cases) {
  for (const int overwrite : {0, 1}) {
    for (const auto& [name, shape] :
         {std::pair<const char*, Shape>{"one", {1}}, {"odd", {3, 5, 7}}, {"large", {20000}}}) {
      const CaseInput flag{Shape{1}, Numbers({static_cast<double>(overwrite)}), DType::kU32};
      cases.push_back(
          {.name = std::string("accumulate/") + (overwrite != 0 ? "overwrite_" : "add_") + name,
           .make = Makes<AccumulateOp>(),
           .inputs = {Floats(shape), Floats(shape), flag},
           .bound = {1.0, ErrorScale::kLargest, "one rounding of the result"},
           .exact = overwrite != 0});
    }
  }
}

void AddSumSquares(std::vector<OpCase>& cases) {
  for (const int64_t size : {1, 7, 1000, 20000}) {
    cases.push_back({.name = "sum_squares/" + std::to_string(size),
                     .make = Makes<SumSquaresOp>(),
                     .inputs = {Floats({size})},
                     .bound = {1.0, ErrorScale::kLargest, "summed in f64, rounded once"}});
  }
  cases.push_back({.name = "sum_squares/integers",
                   .make = Makes<SumSquaresOp>(),
                   .inputs = {Floats({300}, Integers(100))},
                   .exact = true});
}

void AddAdam(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    int64_t size;
    double max_norm;
    double sum_squares;
    bool exact = false;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case table[] = {
      {"one", 1, 0.0, 1.0},
      {"odd", 37, 0.0, 40.0},
      {"large", 20000, 0.0, 20000.0},
      {"clipped", 100, 2.0, 100.0},
      {"below_the_clip", 100, 20.0, 100.0},
      {"not_finite", 37, 0.0, infinity, true},
      {"not_finite_clipped", 37, 1.0, infinity, true},
      {"not_a_number", 37, 0.0, std::nan(""), true},
  };
  for (const Case& c : table) {
    const Shape shape{c.size};
    const std::vector<double> scalars = {0.01, 1 - std::pow(0.9, 3), 1 - std::pow(0.98, 3)};
    cases.push_back({.name = std::string("adam/") + c.name,
                     .make = Makes<AdamOp>(0.9, 0.98, 1e-9, c.max_norm),
                     .inputs = {Floats(shape), Floats(shape), Floats(shape, Normal(0.3)),
                                Floats(shape, Positive()), Floats({kAdamScalars}, Numbers(scalars)),
                                Floats({1}, Numbers({c.sum_squares}))},
                     .bound = {4.0, ErrorScale::kLargest,
                               "one rounding each of m, v and the parameter, and rounded 1 - beta"},
                     .exact = c.exact});
  }
}

}  // namespace

void AddElementwiseCases(std::vector<OpCase>& cases) {
  AddGelu(cases);
  AddDropout(cases);
  AddResidual(cases);
  AddAccumulate(cases);
  AddSumSquares(cases);
  AddAdam(cases);
}

}  // namespace hourglass::testing
