// dispatch_benchmark measures what it says.
#include <gtest/gtest.h>

#include "tests/support/benchmark_run.h"

namespace hourglass::testing {
namespace {

TEST(DispatchBenchmark, NodesThatDoNothing) {
  const auto result = RunBenchmark("tests/runtime/dispatch_benchmark", "no_op");
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ((*result)["benchmarks"].size(), 1u);
  const nlohmann::json& benchmark = (*result)["benchmarks"][0];
  EXPECT_EQ(benchmark["nodes"], 1000.0);
  // Seconds, and of one node: the whole Program's time is given in nanoseconds.
  EXPECT_NEAR(benchmark["s_per_node"].get<double>() * 1000 * 1e9,
              benchmark["real_time"].get<double>(), 0.01 * benchmark["real_time"].get<double>());
}

TEST(DispatchBenchmark, AStepBesideItsKernelsForOneAndTwoThreads) {
  const auto result = RunBenchmark("tests/runtime/dispatch_benchmark", "step");
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ((*result)["benchmarks"].size(), 2u);
  for (const nlohmann::json& benchmark : (*result)["benchmarks"]) {
    EXPECT_GT(benchmark["kernels"].get<double>(), 40);
    const double step = benchmark["step_us"], by_hand = benchmark["by_hand_us"];
    EXPECT_GT(by_hand, 0);
    EXPECT_NEAR(benchmark["above_by_hand_percent"].get<double>(), 100 * (step / by_hand - 1), 1e-6);
  }
}

}  // namespace
}  // namespace hourglass::testing
