// ULIDs: 26 characters that sort by time of creation (48 bits of milliseconds, 80 random bits).
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace hourglass::results {

// Crockford base 32 of the time and the random bytes.
std::string EncodeUlid(uint64_t unix_milliseconds, const std::array<uint8_t, 10>& random);

// A fresh one. Within a process each is greater than the one before.
std::string NewUlid();

}  // namespace hourglass::results
