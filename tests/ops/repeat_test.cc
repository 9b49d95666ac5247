// The same numbers twice give the same bits, on one thread and on two.

#include <gtest/gtest.h>

#include "tests/support/backends.h"
#include "tests/support/op_case.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

class RepeatTest : public ::testing::TestWithParam<OpCase> {};

INSTANTIATE_TEST_SUITE_P(Ops, RepeatTest, ::testing::ValuesIn(AllOpCases()),
                         [](const auto& info) { return TestName(info.param.name); });

using Bits = std::vector<std::vector<std::byte>>;

// One kernel run twice, and another kernel of the same node: three times the same bits.
// Unimplemented where the backend does not have the op.
absl::StatusOr<Bits> RunRepeatedly(const BackendUnderTest& backend, const OpCase& op_case,
                                   DType dtype, int threads) {
  Bits first;
  for (int kernel = 0; kernel < 2; ++kernel) {
    const auto run = OpRun::Prepare(backend.make(), op_case.make(dtype), MakeInputs(op_case, dtype),
                                    {.threads = threads});
    if (!run.ok()) return run.status();
    for (int i = 0; i < 2; ++i) {
      if (const absl::Status status = (*run)->Run(); !status.ok()) return status;
      if (first.empty()) first = (*run)->OutputBytes();
      EXPECT_TRUE((*run)->OutputBytes() == first) << "kernel " << kernel << ", run " << i;
    }
  }
  return first;
}

TEST_P(RepeatTest, SameBits) {
  for (const BackendUnderTest& backend : AllBackends()) {
    for (const DType dtype : backend.dtypes) {
      SCOPED_TRACE(backend.name + " " + std::string(Name(dtype)));
      const auto one = RunRepeatedly(backend, GetParam(), dtype, 1);
      if (one.status().code() == absl::StatusCode::kUnimplemented) continue;
      ASSERT_TRUE(one.ok()) << one.status();
      const auto two = RunRepeatedly(backend, GetParam(), dtype, 2);
      ASSERT_TRUE(two.ok()) << two.status();
      // Recorded, not required: the thread count is part of the numeric class of a run.
      RecordProperty("threads_1_and_2_agree_" + backend.name + "_" + std::string(Name(dtype)),
                     *one == *two ? "yes" : "no");
    }
  }
}

}  // namespace
}  // namespace hourglass::testing
