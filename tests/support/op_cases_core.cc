#include "hourglass/graph/core_ops.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

const ErrorBound kOneRounding{1.0, ErrorScale::kLargest, "one rounding of the result"};

void AddAdd(std::vector<OpCase>& cases) {
  for (const auto& [name, shape] : {std::pair<const char*, Shape>{"one", {1}},
                                    {"odd", {7}},
                                    {"three_axes", {3, 5, 17}},
                                    {"large", {2, 130, 96}}}) {
    cases.push_back({.name = std::string("add/") + name,
                     .make = Makes<AddOp>(),
                     .inputs = {Floats(shape), Floats(shape)},
                     .differentiable = {0, 1},
                     .bound = kOneRounding});
  }
  cases.push_back({.name = "add/integers",
                   .make = Makes<AddOp>(),
                   .inputs = {Floats({5, 33}, Integers(1000)), Floats({5, 33}, Integers(1000))},
                   .differentiable = {0, 1},
                   .exact = true});
}

void AddCast(std::vector<OpCase>& cases) {
  for (const DType to : {DType::kF32, DType::kF64, DType::kBF16}) {
    for (const auto& [name, shape] :
         {std::pair<const char*, Shape>{"one", {1}}, {"odd", {3, 5, 7}}, {"large", {130, 96}}}) {
      OpCase op_case{.name = "cast/to_" + std::string(Name(to)) + "_" + name,
                     .make = Makes<CastOp>(to),
                     .inputs = {Floats(shape, Normal(3.0))},
                     .exact = true};
      // Rounding has no derivative; to f64 nothing is rounded.
      if (to == DType::kF64) op_case.differentiable = {0};
      cases.push_back(std::move(op_case));
    }
  }
}

void AddFill(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, const Shape& shape, double value, OutputTraits traits) {
    cases.push_back({.name = std::string("fill/") + name,
                     .make = [=](DType run) -> std::shared_ptr<const Op> {
                       return std::make_shared<FillOp>(TensorSpec{shape, run}, value);
                     },
                     .exact = true,
                     .outputs = {traits}});
  };
  add("zeros", Shape{3, 5}, 0.0, {.zeros = 1.0, .constant = true});
  add("one", Shape{1}, 1.5, {.constant = true});
  add("odd", Shape{3, 5, 7}, -0.25, {.constant = true});
}

}  // namespace

void AddCoreCases(std::vector<OpCase>& cases) {
  AddAdd(cases);
  AddCast(cases);
  AddFill(cases);
}

}  // namespace hourglass::testing
