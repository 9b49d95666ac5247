// Every differentiable op case against f64 differences, through AppendGradients.

#include <gtest/gtest.h>

#include "tests/support/gradcheck.h"
#include "tests/support/op_case.h"

namespace hourglass::testing {
namespace {

std::vector<OpCase> DifferentiableCases() {
  std::vector<OpCase> cases;
  for (const OpCase& op_case : AllOpCases()) {
    if (!op_case.differentiable.empty()) cases.push_back(op_case);
  }
  return cases;
}

class GradientTest : public ::testing::TestWithParam<OpCase> {};

INSTANTIATE_TEST_SUITE_P(Ops, GradientTest, ::testing::ValuesIn(DifferentiableCases()),
                         [](const auto& info) { return TestName(info.param.name); });

TEST_P(GradientTest, EqualsDifferenceQuotients) { EXPECT_EQ(CheckGradients(GetParam()), ""); }

}  // namespace
}  // namespace hourglass::testing
