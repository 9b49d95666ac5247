#include "hourglass/base/core_count.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace hourglass {

// Those this process may use: taskset and containers allow fewer than there are.
int CoreCount() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace hourglass
