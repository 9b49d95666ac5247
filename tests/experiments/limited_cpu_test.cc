// What is said and stored on a CPU that does not multiply bf16. The whole process runs as on such a
// CPU: the library reads the limit when it is used first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "tests/experiments/tiny_experiment.h"

namespace hourglass {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const int kLimited = setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", 1);

using LimitedCpuTest = TinyExperimentTest;

TEST_F(LimitedCpuTest, Bf16IsUnavailableAndStoredAsUnsupported) {
  ASSERT_EQ(kLimited, 0);
  ASSERT_FALSE(CpuSupportsBf16());
  const auto summary = Run({"training.dtype=bf16"});
  EXPECT_EQ(ExitCodeFor(summary.status()), kExitUnavailable);
  EXPECT_THAT(
      std::string(summary.status().message()),
      AllOf(HasSubstr("bf16 only where the CPU has AVX512-BF16 or AMX"), HasSubstr("matmul(bf16")));
  const auto records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, results::RunStatus::kUnsupported);
  EXPECT_EQ(records[0].exit_code, 69);
}

TEST_F(LimitedCpuTest, EverythingElseRuns) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->exit_code, kExitOk);
}

TEST_F(LimitedCpuTest, BenchSaysSo) {
  const std::vector<std::string> bench = {
      "bench", "--hierarchy", "1@1", "--d_model", "16", "--d_ff",  "32", "--heads", "2", "--length",
      "16",    "--batch",     "1",   "--threads", "1",  "--steps", "1"};
  std::vector<std::string> narrow = bench;
  narrow.insert(narrow.end(), {"--dtype", "bf16"});
  EXPECT_EQ(Cli(bench), kExitOk) << log_.str();
  EXPECT_EQ(Cli(narrow), kExitUnavailable);
  EXPECT_THAT(log_.str(), HasSubstr("AVX512-BF16"));
}

}  // namespace
}  // namespace hourglass
