// Every op case on every backend against the reference in f64.

#include <gtest/gtest.h>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/host_program.h"
#include "tests/support/op_case.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

class BackendTest : public ::testing::TestWithParam<OpCase> {
 protected:
  // The run on each backend and floating type that supports the case;
  // tests/golden/support_matrix.md says which those are.
  void ForEachRun(const std::function<void(const BackendUnderTest&, DType,
                                           const std::vector<HostTensor>& inputs)>& body) {
    int runs = 0;
    for (const BackendUnderTest& backend : AllBackends()) {
      for (const DType dtype : backend.dtypes) {
        const std::vector<HostTensor> inputs = MakeInputs(GetParam(), dtype);
        const auto run = OpRun::Prepare(backend.make(), GetParam().make(dtype), inputs);
        if (run.status().code() == absl::StatusCode::kUnimplemented) continue;
        ASSERT_TRUE(run.ok()) << run.status();
        SCOPED_TRACE(backend.name + " " + std::string(Name(dtype)));
        body(backend, dtype, inputs);
        ++runs;
      }
    }
    EXPECT_GE(runs, 2) << "the reference does every case";
  }
};

INSTANTIATE_TEST_SUITE_P(Ops, BackendTest, ::testing::ValuesIn(AllOpCases()),
                         [](const auto& info) { return TestName(info.param.name); });

TEST_P(BackendTest, AgreesWithReference) {
  const OpCase& op_case = GetParam();
  ForEachRun([&](const BackendUnderTest& backend, DType dtype, const auto& inputs) {
    const Oracle oracle = ComputeOracle(op_case, inputs);
    EXPECT_EQ(Mistrust(op_case, oracle, dtype), "");
    const auto outputs = RunOp(backend.make(), op_case.make(dtype), inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ(CompareOutputs(op_case, oracle, *outputs, dtype), "");
    RecordProperty("worst_ratio_" + backend.name + "_" + std::string(Name(dtype)),
                   std::to_string(WorstRatio(oracle, *outputs)));
  });
}

TEST_P(BackendTest, InPlaceGivesTheSameBits) {
  ForEachRun([&](const BackendUnderTest& backend, DType dtype, const auto& inputs) {
    const auto apart = OpRun::Prepare(backend.make(), GetParam().make(dtype), inputs);
    const auto in_place =
        OpRun::Prepare(backend.make(), GetParam().make(dtype), inputs, {.in_place = true});
    ASSERT_TRUE(apart.ok() && in_place.ok());
    ASSERT_TRUE((*apart)->Run().ok());
    const absl::Status status = (*in_place)->Run();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE((*apart)->OutputBytes() == (*in_place)->OutputBytes());
  });
}

TEST_P(BackendTest, ProgramGivesTheBitsOfTheKernel) {
  ForEachRun([&](const BackendUnderTest& backend, DType dtype, const auto& inputs) {
    const auto alone = RunOp(backend.make(), GetParam().make(dtype), inputs);
    const auto program = RunAsProgram(backend.make(), GetParam().make(dtype), inputs);
    ASSERT_TRUE(alone.ok()) << alone.status();
    ASSERT_TRUE(program.ok()) << program.status();
    ASSERT_EQ(alone->size(), program->size());
    for (size_t i = 0; i < alone->size(); ++i) {
      EXPECT_TRUE(ToBytes((*alone)[i]) == ToBytes((*program)[i])) << "output " << i;
    }
  });
}

}  // namespace
}  // namespace hourglass::testing
