#pragma once
// What a data file must be: its size and SHA-256.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hourglass {

struct FileIdentity {
  std::string name;
  int64_t bytes = 0;
  std::string sha256;  // lower-case hexadecimal
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// OK for a file that can be read as bytes. NotFound: there is none. DataLoss: it is a folder or a
// device. PermissionDenied: it cannot be looked at. The message starts with the path.
absl::Status ExpectDataFile(const std::string& path);

// Size and SHA-256 of a file, named by the last part of its path. Fails as ExpectDataFile, and
// PermissionDenied if it cannot be read.
absl::StatusOr<FileIdentity> IdentityOfFile(const std::string& path);

// DataLoss "PATH: is not NAME: ..." with what was found and what was expected, unless size and
// SHA-256 are equal.
absl::Status ExpectIdentity(const std::string& path, const FileIdentity& got,
                            const FileIdentity& expected);

}  // namespace hourglass
