#pragma once
// One pool of threads for everything: OpenMP, shared with oneDNN. Built with
// HOURGLASS_STD_THREADS (the tsan configuration) it is std::thread, which the sanitizer
// understands.

#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace hourglass {

// Threads that ParallelFor uses from now on; at least 1, and at most as many as the system grants
// (OMP_THREAD_LIMIT): ThreadCount() says how many they are. Part of the numeric class of a run.
void SetThreadCount(int threads);
int ThreadCount();
// The same for a user's wish: InvalidArgument if the system grants fewer.
absl::Status RequestThreads(int threads);

// Calls body(begin, end, thread) on contiguous ranges that cover [0, count), one per thread, and
// waits. Ranges depend only on count, grain and ThreadCount(). With count <= grain, or when called
// inside another ParallelFor, the caller's thread does all the work.
void ParallelFor(int64_t count, int64_t grain,
                 const std::function<void(int64_t begin, int64_t end, int thread)>& body);

}  // namespace hourglass
