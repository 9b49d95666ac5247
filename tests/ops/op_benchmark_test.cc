// op_benchmark has every case warm and cold, with its rates.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/benchmark_run.h"

namespace hourglass::testing {
namespace {

TEST(OpBenchmark, TimesEveryCaseWarmAndCold) {
  const auto result =
      RunBenchmark("tests/ops/op_benchmark", "onednn/(gelu|shift_rows)/.*f32/|reference/gelu/");
  ASSERT_TRUE(result.ok()) << result.status();
  std::set<std::string> warm, cold;
  for (const nlohmann::json& benchmark : (*result)["benchmarks"]) {
    const std::string name = benchmark["name"];
    const size_t end = name.rfind('/'), caches = name.rfind('/', end - 1);
    (name.substr(caches + 1, end - caches - 1) == "warm" ? warm : cold)
        .insert(name.substr(0, caches));
    EXPECT_GT(benchmark["bytes/s"].get<double>(), 0) << name;
  }
  EXPECT_EQ(warm, cold);
  EXPECT_TRUE(warm.contains("onednn/gelu/model/f32"));
  EXPECT_TRUE(warm.contains("onednn/shift_rows/model/f32"));
  EXPECT_FALSE(warm.contains("reference/gelu/model/f32")) << "the reference would take minutes";
  EXPECT_GT(warm.size(), 4u);
}

TEST(OpBenchmark, CountsTheFlopsOfProducts) {
  const auto result = RunBenchmark("tests/ops/op_benchmark", "onednn/matmul/output/f32/");
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ((*result)["benchmarks"].size(), 2u);
  for (const nlohmann::json& benchmark : (*result)["benchmarks"]) {
    // 4104 x 512 x 256, both counted alike.
    EXPECT_GT(benchmark["needed_flop/s"].get<double>(), 0);
    EXPECT_EQ(benchmark["needed_flop/s"], benchmark["executed_flop/s"]);
    const double bytes = 4 * (4104.0 * 512 + 512 * 256 + 256 + 4104.0 * 256);
    const double flops = 2 * 4104.0 * 512 * 256;
    EXPECT_NEAR(benchmark["needed_flop/s"].get<double>() / benchmark["bytes/s"].get<double>(),
                flops / bytes, 1e-6 * flops / bytes);
  }
}

}  // namespace
}  // namespace hourglass::testing
