#pragma once
// Whether a model fits into the machine, asked before anything is allocated.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace hourglass {

// Bytes that programs can still take without swapping (MemAvailable of /proc/meminfo); empty where
// the system does not say.
std::optional<int64_t> AvailableMemoryBytes();

// InvalidArgument "WHAT: ...; ADVICE" with both figures if `planned` bytes are more than there are;
// nothing is refused where that is not known.
absl::Status ExpectMemory(const std::string& what, int64_t planned,
                          const std::optional<int64_t>& available, const std::string& advice);

}  // namespace hourglass
