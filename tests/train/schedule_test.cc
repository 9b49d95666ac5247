#include "hourglass/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace hourglass {
namespace {

TEST(ScheduleTest, ConstantWarmsUpInAStraightLine) {
  const Schedule schedule{ScheduleKind::kConstant, 2e-3, 4, 0};
  EXPECT_DOUBLE_EQ(schedule.Rate(1), 0.5e-3);
  EXPECT_DOUBLE_EQ(schedule.Rate(3), 1.5e-3);
  EXPECT_DOUBLE_EQ(schedule.Rate(4), 2e-3);
  EXPECT_DOUBLE_EQ(schedule.Rate(1000000), 2e-3);
  EXPECT_DOUBLE_EQ((Schedule{ScheduleKind::kConstant, 2e-3, 0, 0}).Rate(1), 2e-3);
}

TEST(ScheduleTest, CosineFollowsTheFormula) {
  const Schedule schedule{ScheduleKind::kWarmupCosine, 0.01, 5, 20};
  EXPECT_DOUBLE_EQ(schedule.Rate(1), 0.002);
  EXPECT_DOUBLE_EQ(schedule.Rate(5), 0.01);
  EXPECT_DOUBLE_EQ(schedule.Rate(10), 0.01 * (1 + std::sqrt(0.5)) / 2);  // a quarter turn
  EXPECT_DOUBLE_EQ(schedule.Rate(15), 0.005);
  EXPECT_DOUBLE_EQ(schedule.Rate(24), 0.01 * (1 + std::cos(0.95 * std::numbers::pi)) / 2);
  // "mod 1": a new turn starts at the peak.
  EXPECT_DOUBLE_EQ(schedule.Rate(25), 0.01);
  EXPECT_DOUBLE_EQ(schedule.Rate(35), 0.005);
}

// What is left of the rate at the last step of the authors' runs: paper section C2.
TEST(ScheduleTest, CosineEndsWhereTheAuthorsRunsEnded) {
  const auto rate = [](double peak, int64_t warmup, int64_t cycle, int64_t step) {
    return Schedule{ScheduleKind::kWarmupCosine, peak, warmup, cycle}.Rate(step);
  };
  EXPECT_NEAR(rate(4e-4, 4000, 200000, 200000), 3.9e-7, 0.05e-7);
  EXPECT_NEAR(rate(4e-4, 20000, 350000, 350000), 3.2e-6, 0.05e-6);
  EXPECT_NEAR(rate(1e-3, 5000, 100000, 100000), 6.2e-6, 0.05e-6);
  EXPECT_NEAR(rate(4.1e-4, 4000, 350000, 263000), 6.5e-5, 0.05e-5);
}

TEST(ScheduleTest, OneCosineEndsAtZeroAndStaysThere) {
  const int64_t steps = 500, warmup = 100;
  const Schedule schedule{ScheduleKind::kWarmupCosineOnce, 1e-3, warmup, steps - warmup};
  EXPECT_DOUBLE_EQ(schedule.Rate(50), 0.5e-3);
  EXPECT_DOUBLE_EQ(schedule.Rate(300), 0.5e-3);
  EXPECT_GT(schedule.Rate(steps - 1), 0.0);
  EXPECT_DOUBLE_EQ(schedule.Rate(steps), 0.0);
  EXPECT_DOUBLE_EQ(schedule.Rate(steps + 7), 0.0);
}

// Peaks of the authors' image runs: paper section C1 from the constants of C2.
TEST(ScheduleTest, RsqrtPeaksAtConstantOverRootOfWarmup) {
  const Schedule imagenet32{ScheduleKind::kWarmupRsqrt, 0.0442, 8000, 0};
  EXPECT_NEAR(imagenet32.Rate(8000), 4.94e-4, 0.005e-4);
  EXPECT_NEAR((Schedule{ScheduleKind::kWarmupRsqrt, 0.03125, 8000, 0}).Rate(8000), 3.49e-4,
              0.005e-4);
  EXPECT_DOUBLE_EQ(imagenet32.Rate(4000), imagenet32.Rate(8000) / 2);
  EXPECT_DOUBLE_EQ(imagenet32.Rate(32000), imagenet32.Rate(8000) / 2);
  EXPECT_DOUBLE_EQ((Schedule{ScheduleKind::kWarmupRsqrt, 1.0, 0, 0}).Rate(4), 0.5);
}

TEST(ScheduleTest, NamesGoThereAndBack) {
  for (const char* name : {"constant", "warmup_cosine", "warmup_cosine_once", "warmup_rsqrt"}) {
    const auto kind = ParseScheduleKind(name);
    ASSERT_TRUE(kind.ok()) << kind.status();
    EXPECT_EQ(Name(*kind), name);
  }
  const auto unknown = ParseScheduleKind("cosine");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(unknown.status().message()).find("warmup_cosine_once"), std::string::npos);
}

TEST(ScheduleTest, SenselessSettingsAreRefused) {
  const auto refused = [](ScheduleKind kind, double rate, int64_t warmup, int64_t cycle) {
    return Schedule{kind, rate, warmup, cycle}.Validate().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(ScheduleKind::kConstant, 0.0, 0, 0));
  EXPECT_TRUE(refused(ScheduleKind::kConstant, -1.0, 0, 0));
  EXPECT_TRUE(refused(ScheduleKind::kConstant, std::nan(""), 0, 0));
  EXPECT_TRUE(refused(ScheduleKind::kConstant, 1.0, -1, 0));
  EXPECT_TRUE(refused(ScheduleKind::kWarmupCosine, 1.0, 5, 0));
  EXPECT_TRUE(refused(ScheduleKind::kWarmupCosineOnce, 1.0, 5, -3));
  EXPECT_FALSE(refused(ScheduleKind::kWarmupRsqrt, 1.0, 0, 0));
  EXPECT_FALSE(refused(ScheduleKind::kWarmupCosine, 1.0, 5, 1));
}

}  // namespace
}  // namespace hourglass
