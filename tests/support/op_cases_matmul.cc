#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

// The classical bound is k eps of the absolute product (Higham 2002, 3.5); roundings of both signs
// make it about sqrt(k), and kernels add in blocks. 4 covers k up to 500 with a margin of 5.
const ErrorBound kProduct{4.0, ErrorScale::kAbsoluteOp,
                          "k roundings of partial sums, of random sign"};

struct Case {
  const char* name;
  Shape a, b;
  bool transpose_a = false, transpose_b = false, bias = false;
  bool slow = false;
};

OpCase MakeCase(const Case& c, const Generator& generate) {
  const int64_t columns = c.b[c.transpose_b ? 0 : -1];
  OpCase op_case{.name = std::string("matmul/") + c.name,
                 .make = Makes<MatmulOp>(c.transpose_a, c.transpose_b, c.bias),
                 .inputs = {Floats(c.a, generate), Floats(c.b, generate)},
                 .differentiable = {0, 1},
                 .bound = kProduct,
                 .slow = c.slow};
  if (c.bias) {
    op_case.inputs.push_back(Floats({columns}, generate));
    op_case.differentiable.push_back(2);
  }
  return op_case;
}

void AddColumnSum(std::vector<OpCase>& cases) {
  for (const auto& [name, shape] : {std::pair<const char*, Shape>{"one_row", {1, 5}},
                                    {"one_column", {7, 1}},
                                    {"three_axes", {2, 17, 33}},
                                    {"long", {2, 1026, 40}}}) {
    cases.push_back({.name = std::string("column_sum/") + name,
                     .make = Makes<ColumnSumOp>(),
                     .inputs = {Floats(shape)},
                     .bound = {4.0, ErrorScale::kAbsoluteOp,
                               "one rounding of a partial sum per row, of random sign"}});
  }
  cases.push_back({.name = "column_sum/integers",
                   .make = Makes<ColumnSumOp>(),
                   .inputs = {Floats({3, 300, 17}, Integers(1000))},
                   .exact = true});
}

}  // namespace

void AddMatmulCases(std::vector<OpCase>& cases) {
  const Case table[] = {
      {.name = "one", .a = {1, 1}, .b = {1, 1}},
      {.name = "inner_one", .a = {5, 1}, .b = {1, 7}},
      {.name = "column", .a = {5, 9}, .b = {9, 1}},
      {.name = "row", .a = {1, 9}, .b = {9, 6}},
      {.name = "three_axes", .a = {2, 3, 5}, .b = {5, 4}},
      {.name = "odd", .a = {3, 11, 65}, .b = {65, 17}},
      {.name = "tiles", .a = {130, 200}, .b = {200, 96}, .slow = true},
      {.name = "bias_small", .a = {2, 3, 5}, .b = {5, 4}, .bias = true},
      {.name = "bias_column", .a = {17, 5}, .b = {5, 1}, .bias = true},
      {.name = "bias_tiles", .a = {2, 65, 128}, .b = {128, 384}, .bias = true, .slow = true},
      {.name = "transpose_b_small", .a = {2, 3, 5}, .b = {4, 5}, .transpose_b = true},
      {.name = "transpose_b_column", .a = {17, 5}, .b = {1, 5}, .transpose_b = true},
      {.name = "transpose_b_bias", .a = {3, 7}, .b = {6, 7}, .transpose_b = true, .bias = true},
      {.name = "transpose_b_tiles", .a = {130, 96}, .b = {200, 96}, .transpose_b = true,
       .slow = true},
      {.name = "transpose_a_small", .a = {2, 3, 5}, .b = {2, 3, 4}, .transpose_a = true},
      {.name = "transpose_a_one_row", .a = {1, 5}, .b = {1, 4}, .transpose_a = true},
      {.name = "transpose_a_tiles", .a = {2, 150, 96}, .b = {2, 150, 33}, .transpose_a = true,
       .slow = true},
  };
  for (const Case& c : table) cases.push_back(MakeCase(c, Normal()));
  const Case integers[] = {
      {.name = "integers", .a = {3, 19, 31}, .b = {31, 23}, .bias = true, .slow = true},
      {.name = "integers_transpose_b", .a = {19, 31}, .b = {23, 31}, .transpose_b = true},
      {.name = "integers_transpose_a", .a = {2, 31, 19}, .b = {2, 31, 23}, .transpose_a = true},
  };
  for (const Case& c : integers) {
    cases.push_back(MakeCase(c, Integers(8)));
    cases.back().exact = true;
  }
  AddColumnSum(cases);
}

}  // namespace hourglass::testing
