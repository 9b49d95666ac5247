#pragma once

#include <cstdint>
#include <string>

namespace hourglass {

// Nanoseconds of a clock that never goes back; only differences mean something.
int64_t MonotonicNanos();

// Now, as "2021-10-26T12:00:00.000000Z".
std::string UtcNowIso8601();

}  // namespace hourglass
