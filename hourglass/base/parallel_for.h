#pragma once
// One pool of threads for everything: OpenMP, shared with oneDNN. Built with
// HOURGLASS_STD_THREADS (the tsan configuration) it is std::thread, which the sanitizer
// understands.

#include <cstdint>
#include <functional>

namespace hourglass {

// Threads that ParallelFor uses from now on; at least 1. Part of the numeric class of a run.
void SetThreadCount(int threads);
int ThreadCount();

// Calls body(begin, end, thread) on contiguous ranges that cover [0, count), one per thread, and
// waits. Ranges depend only on count, grain and ThreadCount(), also where the system grants fewer
// threads, which then take several. With count <= grain, or when called
// inside another ParallelFor, the caller's thread does all the work.
void ParallelFor(int64_t count, int64_t grain,
                 const std::function<void(int64_t begin, int64_t end, int thread)>& body);

}  // namespace hourglass
