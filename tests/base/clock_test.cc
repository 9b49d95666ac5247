#include "hourglass/base/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <regex>
#include <thread>

namespace hourglass {
namespace {

TEST(Clock, MonotonicNanosMeasuresASleep) {
  const int64_t start = MonotonicNanos();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t elapsed = MonotonicNanos() - start;
  EXPECT_GE(elapsed, 20'000'000);
  EXPECT_LT(elapsed, 20'000'000'000);
}

TEST(Clock, UtcNowHasTheDocumentedForm) {
  EXPECT_TRUE(std::regex_match(UtcNowIso8601(),
                               std::regex(R"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z)")));
}

TEST(Clock, UtcNowIsTheTimeOfTheSystem) {
  const std::time_t before = std::time(nullptr);
  const std::string text = UtcNowIso8601();
  const std::time_t after = std::time(nullptr);
  std::tm utc{};
  ASSERT_EQ(std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
                        &utc.tm_hour, &utc.tm_min, &utc.tm_sec),
            6);
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  const std::time_t seconds = timegm(&utc);
  EXPECT_GE(seconds, before);
  EXPECT_LE(seconds, after);
}

}  // namespace
}  // namespace hourglass
