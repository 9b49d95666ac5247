// Run with OMP_THREAD_LIMIT=1: OpenMP then grants one thread, whatever is asked for.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <vector>

#include "hourglass/base/parallel_for.h"

namespace hourglass {
namespace {

TEST(ThreadLimitTest, NothingIsLeftOutWithFewerThreadsThanAskedFor) {
  ASSERT_STREQ(std::getenv("OMP_THREAD_LIMIT"), "1");
  SetThreadCount(4);
  std::vector<int> visits(1001, 0);
  std::set<int> threads;
  ParallelFor(1001, 1, [&](int64_t begin, int64_t end, int thread) {
    threads.insert(thread);
    for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
  });
  EXPECT_EQ(visits, std::vector<int>(1001, 1));
  EXPECT_EQ(threads, std::set<int>{0});
  EXPECT_EQ(ThreadCount(), 1);
  EXPECT_EQ(RequestThreads(1).code(), absl::StatusCode::kOk);
  EXPECT_EQ(RequestThreads(4).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hourglass
