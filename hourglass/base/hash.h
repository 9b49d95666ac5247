#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hourglass {

// SHA-256 as 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

// The same over a file, read in pieces. NotFound or Unavailable with the path on failure.
absl::StatusOr<std::string> Sha256FileHex(const std::string& path);

// FNV-1a, 64 bits: for names (random sites, table keys), never for content identity.
constexpr uint64_t Fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3ull;
  }
  return hash;
}

}  // namespace hourglass
