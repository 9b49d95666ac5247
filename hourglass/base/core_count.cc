#include "hourglass/base/core_count.h"

#include <algorithm>
#include <thread>

namespace hourglass {

int CoreCount() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

}  // namespace hourglass
