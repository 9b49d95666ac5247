#include "hourglass/base/parallel_for.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/core_count.h"

#ifdef HOURGLASS_STD_THREADS
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace hourglass {
namespace {

#ifdef HOURGLASS_STD_THREADS

int g_threads = CoreCount();
thread_local bool t_inside = false;

void OnEveryThread(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) {
    others.emplace_back([&body, t] {
      t_inside = true;
      body(t);
    });
  }
  t_inside = true;
  body(0);
  t_inside = false;
  for (std::thread& other : others) other.join();
}

bool Inside() { return t_inside; }
void RememberThreadCount(int threads) { g_threads = threads; }
int RememberedThreadCount() { return g_threads; }

#else

// OpenMP may grant fewer threads than asked for (OMP_THREAD_LIMIT): those that there are do all.
void OnEveryThread(int threads, const std::function<void(int)>& body) {
#pragma omp parallel num_threads(threads)
  for (int t = omp_get_thread_num(); t < threads; t += omp_get_num_threads()) body(t);
}

bool Inside() { return omp_in_parallel() != 0; }
void RememberThreadCount(int threads) {
  omp_set_dynamic(0);
  // oneDNN leaves out the work of threads that it was promised and does not get.
  omp_set_num_threads(std::min(threads, omp_get_thread_limit()));
}
int RememberedThreadCount() { return omp_get_max_threads(); }

#endif

}  // namespace

void SetThreadCount(int threads) {
  HG_CHECK(threads >= 1);
  RememberThreadCount(threads);
}

int ThreadCount() { return RememberedThreadCount(); }

absl::Status RequestThreads(int threads) {
  SetThreadCount(threads);
  if (ThreadCount() == threads) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(threads, " threads were asked for, the system grants ", ThreadCount(),
                   " (OMP_THREAD_LIMIT): give --threads ", ThreadCount()));
}

void ParallelFor(int64_t count, int64_t grain,
                 const std::function<void(int64_t begin, int64_t end, int thread)>& body) {
  if (count <= 0) return;
  const int64_t wanted = (count + std::max<int64_t>(grain, 1) - 1) / std::max<int64_t>(grain, 1);
  const int threads = static_cast<int>(std::min<int64_t>(ThreadCount(), wanted));
  if (threads <= 1 || Inside()) {
    body(0, count, 0);
    return;
  }
  OnEveryThread(threads, [&](int t) {
    const int64_t begin = count * t / threads;
    const int64_t end = count * (t + 1) / threads;
    if (begin < end) body(begin, end, t);
  });
}

}  // namespace hourglass
