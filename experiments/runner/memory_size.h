#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hourglass {

// Bytes of "2G", "1.5G", "800M", "4096K" (powers of 1024) or "1000000". InvalidArgument for
// anything else and for less than one byte.
absl::StatusOr<int64_t> ParseMemorySize(const std::string& text);

}  // namespace hourglass
