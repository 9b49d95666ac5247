#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

// The classical bound is k eps of the absolute product (Higham 2002, 3.5); roundings of both signs
// make it about sqrt(k), and kernels add in blocks. 4 covers k up to 500 with a margin of 5.
const ErrorBound kProduct{4.0, ErrorScale::kAbsoluteOp,
                          "k roundings of partial sums, of random sign"};

enum Flag : int {
  kPlain = 0,
  kTransposeA = 1,
  kTransposeB = 2,
  kBias = 4,
  kSlow = 8,
  kWide = 16,
  kResidual = 32
};

struct Case {
  const char* name;
  Shape a, b;
  int flags = kPlain;

  bool Has(Flag flag) const { return (flags & flag) != 0; }
};

OpCase MakeCase(const Case& c, const Generator& generate) {
  const int64_t columns = c.b[c.Has(kTransposeB) ? 0 : -1];
  const auto make = [c](DType run) {
    return std::make_shared<const MatmulOp>(
        c.Has(kTransposeA), c.Has(kTransposeB), c.Has(kBias),
        c.Has(kWide) ? std::optional<DType>(WideType(run)) : std::nullopt, c.Has(kResidual));
  };
  OpCase op_case{.name = std::string("matmul/") + c.name,
                 .make = make,
                 .inputs = {Floats(c.a, generate), Floats(c.b, generate)},
                 .differentiable = {0, 1},
                 .bound = kProduct,
                 .slow = c.Has(kSlow)};
  if (c.Has(kBias)) {
    op_case.inputs.push_back(WideFloats({columns}, generate));
    op_case.differentiable.push_back(2);
  }
  if (c.Has(kResidual)) {
    Shape shape = c.a;
    shape.Set(-1, columns);
    op_case.differentiable.push_back(static_cast<int>(op_case.inputs.size()));
    op_case.inputs.push_back(WideFloats(shape, generate));
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
      {"one", {1, 1}, {1, 1}},
      {"inner_one", {5, 1}, {1, 7}},
      {"column", {5, 9}, {9, 1}},
      {"row", {1, 9}, {9, 6}},
      {"three_axes", {2, 3, 5}, {5, 4}},
      {"odd", {3, 11, 65}, {65, 17}},
      {"tiles", {130, 200}, {200, 96}, kSlow},
      {"bias_small", {2, 3, 5}, {5, 4}, kBias},
      {"bias_column", {17, 5}, {5, 1}, kBias},
      {"bias_tiles", {2, 65, 128}, {128, 384}, kBias | kSlow},
      {"transpose_b_small", {2, 3, 5}, {4, 5}, kTransposeB},
      {"transpose_b_column", {17, 5}, {1, 5}, kTransposeB},
      {"transpose_b_bias", {3, 7}, {6, 7}, kTransposeB | kBias},
      {"transpose_b_tiles", {130, 96}, {200, 96}, kTransposeB | kSlow},
      {"transpose_a_small", {2, 3, 5}, {2, 3, 4}, kTransposeA},
      {"transpose_a_one_row", {1, 5}, {1, 4}, kTransposeA},
      {"transpose_a_tiles", {2, 150, 96}, {2, 150, 33}, kTransposeA | kSlow},
      // From as many rows on b is packed.
      {"many_rows_bias", {2, 520, 33}, {33, 65}, kBias | kSlow},
      {"many_rows_transpose_b", {1030, 40}, {70, 40}, kTransposeB | kSlow},
      {"many_rows_transpose_a", {96, 1030}, {96, 24}, kTransposeA | kSlow},
      {"wide_small", {2, 3, 5}, {5, 4}, kWide},
      {"wide_bias_tiles", {2, 65, 128}, {128, 384}, kBias | kSlow | kWide},
      {"wide_transpose_b_tiles", {130, 96}, {200, 96}, kTransposeB | kSlow | kWide},
      {"residual_small", {2, 3, 5}, {5, 4}, kWide | kResidual},
      {"residual_column", {17, 5}, {5, 1}, kBias | kWide | kResidual},
      {"residual_odd", {3, 11, 65}, {65, 17}, kBias | kWide | kResidual | kSlow},
      {"residual_tiles", {2, 65, 128}, {128, 384}, kBias | kWide | kResidual | kSlow},
      {"residual_transpose_b", {3, 7}, {6, 7}, kTransposeB | kBias | kWide | kResidual},
      {"residual_many_rows", {2, 520, 33}, {33, 65}, kBias | kWide | kResidual | kSlow},
      {"wide_transpose_a_tiles", {2, 150, 96}, {2, 150, 33}, kTransposeA | kSlow | kWide},
      // For the own gradient of weights, which takes columns in groups of 16: a result in bf16,
      // which it does not write, few rows, and several blocks in every direction with an odd depth.
      {"transpose_a_aligned", {2, 3, 5}, {2, 3, 16}, kTransposeA},
      {"wide_transpose_a_narrow", {1, 3, 5}, {1, 3, 16}, kTransposeA | kWide},
      {"wide_transpose_a_few_rows", {2, 1050, 5}, {2, 1050, 64}, kTransposeA | kSlow | kWide},
      {"wide_transpose_a_blocks", {7, 43, 530}, {7, 43, 272}, kTransposeA | kSlow | kWide},
  };
  for (const Case& c : table) cases.push_back(MakeCase(c, Normal()));
  const Case integers[] = {
      {"integers", {3, 19, 31}, {31, 23}, kBias | kSlow},
      {"integers_residual", {3, 19, 31}, {31, 23}, kBias | kWide | kResidual | kSlow},
      {"integers_transpose_b", {19, 31}, {23, 31}, kTransposeB},
      {"integers_transpose_a", {2, 31, 19}, {2, 31, 23}, kTransposeA},
  };
  for (const Case& c : integers) {
    cases.push_back(MakeCase(c, Integers(8)));
    cases.back().exact = true;
  }
  AddColumnSum(cases);
}

}  // namespace hourglass::testing
