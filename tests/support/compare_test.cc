// The judges judged: what each rule of compare.h has to find.

#include "tests/support/compare.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/dropout.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

OpCase AddCase(Generator a, Generator b) {
  return {.name = "add/test",
          .make = Makes<AddOp>(),
          .inputs = {Floats({8}, std::move(a)), Floats({8}, std::move(b))},
          .bound = {1.0, ErrorScale::kAbsoluteOp, "test"}};
}

std::string MistrustOf(const OpCase& op_case, DType dtype = DType::kF32) {
  return Mistrust(op_case, ComputeOracle(op_case, MakeInputs(op_case, dtype)), dtype);
}

// The outputs of the oracle in f32, with one element moved.
std::vector<HostTensor> Moved(const Oracle& oracle, size_t element, double by) {
  std::vector<HostTensor> outputs = WithFloatingType(oracle.outputs, DType::kF32);
  outputs[0].values[element] += by;
  return outputs;
}

TEST(CompareOutputs, AcceptsUpToTheBoundAndNoMore) {
  // 1 + 2 in absolute values 3: the bound is 3 epsilon.
  const OpCase op_case = AddCase(Numbers({1}), Numbers({-2}));
  const Oracle oracle = ComputeOracle(op_case, MakeInputs(op_case, DType::kF32));
  EXPECT_EQ(CompareOutputs(op_case, oracle, Moved(oracle, 3, 2.9 * 0x1p-23), DType::kF32), "");
  EXPECT_NE(CompareOutputs(op_case, oracle, Moved(oracle, 3, 3.1 * 0x1p-23), DType::kF32), "");
  EXPECT_NE(CompareOutputs(op_case, oracle, Moved(oracle, 3, -3.1 * 0x1p-23), DType::kF32), "");
  EXPECT_NE(CompareOutputs(op_case, oracle, Moved(oracle, 3, std::nan("")), DType::kF32), "");
  EXPECT_NEAR(WorstRatio(oracle, Moved(oracle, 3, 1.5 * 0x1p-23)), 0.5, 1e-6);
}

TEST(CompareOutputs, ExactMeansEqual) {
  OpCase op_case = AddCase(Numbers({1}), Numbers({-2}));
  op_case.exact = true;
  const Oracle oracle = ComputeOracle(op_case, MakeInputs(op_case, DType::kF32));
  EXPECT_EQ(CompareOutputs(op_case, oracle, Moved(oracle, 0, 0), DType::kF32), "");
  EXPECT_NE(CompareOutputs(op_case, oracle, Moved(oracle, 7, 0x1p-24), DType::kF32), "");
}

TEST(CompareOutputs, NamesOutputElementAndNumbers) {
  const OpCase op_case = AddCase(Numbers({1}), Numbers({2}));
  const Oracle oracle = ComputeOracle(op_case, MakeInputs(op_case, DType::kF32));
  EXPECT_EQ(CompareOutputs(op_case, oracle, Moved(oracle, 5, 1), DType::kF32),
            "output 0 (f32[8]): 1 of 8 wrong, the first at 5: 4 instead of 3 +- 3.57628e-07\n");
}

TEST(CompareOutputs, AnotherShapeIsWrong) {
  const OpCase op_case = AddCase(Normal(), Normal());
  const Oracle oracle = ComputeOracle(op_case, MakeInputs(op_case, DType::kF32));
  std::vector<HostTensor> outputs = Moved(oracle, 0, 0);
  outputs[0].spec.shape = Shape{4, 2};
  EXPECT_NE(CompareOutputs(op_case, oracle, outputs, DType::kF32), "");
  EXPECT_NE(CompareOutputs(op_case, oracle, {}, DType::kF32), "");
}

TEST(Mistrust, TrustsAnOrdinaryCase) { EXPECT_EQ(MistrustOf(AddCase(Normal(), Normal())), ""); }

TEST(Mistrust, AConstantOutput) {
  EXPECT_NE(MistrustOf(AddCase(Numbers({1}), Numbers({2}))).find("constant"), std::string::npos);
  OpCase declared = AddCase(Numbers({1}), Numbers({2}));
  declared.outputs = {{.constant = true}};
  EXPECT_EQ(MistrustOf(declared), "");
  OpCase wrongly = AddCase(Normal(), Normal());
  wrongly.outputs = {{.constant = true}};
  EXPECT_NE(MistrustOf(wrongly).find("not constant"), std::string::npos);
}

TEST(Mistrust, ZerosThatWereNotDeclared) {
  const Generator quarter = Numbers({0, 1, 2, 3});
  OpCase op_case = AddCase(quarter, quarter);
  EXPECT_NE(MistrustOf(op_case).find("0.25 zeros"), std::string::npos);
  op_case.outputs = {{.zeros = 0.3}};
  EXPECT_EQ(MistrustOf(op_case), "");
  op_case.outputs = {{.zeros = 0.4}};
  EXPECT_NE(MistrustOf(op_case).find("declared 0.4"), std::string::npos);
}

// Sums that cancel: 1000 + x - 1000 in f32 with c = 1 allows 0.00024; a result of 0.001 is
// mistrusted.
TEST(Mistrust, AToleranceAboveFivePercent) {
  const OpCase cancels =
      AddCase(Numbers({1000}), Numbers({-1000.001, -999.999, -1000.002, -999.998}));
  EXPECT_NE(MistrustOf(cancels).find("above 5 %"), std::string::npos);
  EXPECT_EQ(MistrustOf(cancels, DType::kF64), "");
}

// Each dtype gets the numbers it can hold, and each call the same.
TEST(MakeInputs, RoundsAndRepeats) {
  const OpCase op_case = AddCase(Normal(), Integers(5));
  const auto narrow = MakeInputs(op_case, DType::kBF16), wide = MakeInputs(op_case, DType::kF64);
  for (size_t e = 0; e < 8; ++e) {
    EXPECT_EQ(narrow[0].values[e], RoundTo(DType::kBF16, wide[0].values[e]));
    EXPECT_EQ(wide[1].values[e], std::round(wide[1].values[e]));
  }
  EXPECT_EQ(MakeInputs(op_case, DType::kF64)[0].values, wide[0].values);
  EXPECT_NE(wide[0].values, wide[1].values);
}

}  // namespace
}  // namespace hourglass::testing
