#include "hourglass/base/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <tuple>
#include <vector>

namespace hourglass {
namespace {

struct Range {
  int64_t begin, end;
  int thread;
  friend bool operator<(const Range& a, const Range& b) {
    return std::tie(a.begin, a.end, a.thread) < std::tie(b.begin, b.end, b.thread);
  }
  friend bool operator==(const Range&, const Range&) = default;
};

std::set<Range> RangesOf(int64_t count, int64_t grain) {
  std::mutex mutex;
  std::set<Range> ranges;
  ParallelFor(count, grain, [&](int64_t begin, int64_t end, int thread) {
    const std::lock_guard<std::mutex> lock(mutex);
    ranges.insert({begin, end, thread});
  });
  return ranges;
}

class ParallelForTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    before_ = ThreadCount();
    SetThreadCount(GetParam());
  }
  void TearDown() override { SetThreadCount(before_); }
  int before_ = 1;
};

INSTANTIATE_TEST_SUITE_P(Threads, ParallelForTest, ::testing::Values(1, 2, 3, 7));

TEST_P(ParallelForTest, KeepsTheThreadCount) { EXPECT_EQ(ThreadCount(), GetParam()); }

TEST_P(ParallelForTest, VisitsEveryItemOnce) {
  for (const int64_t count : {0, 1, 2, 6, 7, 8, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
    ParallelFor(count, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
    });
    for (const std::atomic<int>& n : visits) EXPECT_EQ(n, 1);
  }
}

TEST_P(ParallelForTest, RangesAreContiguousAndOnePerThread) {
  const std::set<Range> ranges = RangesOf(1000, 1);
  EXPECT_EQ(ranges.size(), static_cast<size_t>(GetParam()));
  int64_t next = 0;
  int thread = 0;
  for (const Range& range : ranges) {
    EXPECT_EQ(range.begin, next);
    EXPECT_EQ(range.thread, thread++);
    next = range.end;
  }
  EXPECT_EQ(next, 1000);
}

TEST_P(ParallelForTest, RangesAreTheSameEveryTime) {
  const std::set<Range> first = RangesOf(12345, 10);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(RangesOf(12345, 10), first);
}

TEST_P(ParallelForTest, SmallWorkStaysWithTheCaller) {
  EXPECT_EQ(RangesOf(64, 64), (std::set<Range>{{0, 64, 0}}));
  EXPECT_EQ(RangesOf(1, 1000), (std::set<Range>{{0, 1, 0}}));
}

TEST_P(ParallelForTest, NothingIsCalledForNothing) { EXPECT_TRUE(RangesOf(0, 1).empty()); }

TEST_P(ParallelForTest, InnerLoopRunsOnItsThread) {
  std::atomic<int> inner_calls{0}, inner_items{0};
  ParallelFor(8, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      ParallelFor(5, 1, [&](int64_t inner_begin, int64_t inner_end, int thread) {
        EXPECT_EQ(thread, 0);
        ++inner_calls;
        inner_items += static_cast<int>(inner_end - inner_begin);
      });
    }
  });
  EXPECT_EQ(inner_items, 40);
  EXPECT_EQ(inner_calls, 8);
}

}  // namespace
}  // namespace hourglass
