#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hourglass {

// The whole file. NotFound if it does not exist, PermissionDenied for other failures; the message
// starts with the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes to a temporary file in the same folder, syncs it and renames it over `path`, so a reader
// sees the old content or the new, never a part. PermissionDenied or ResourceExhausted (disk full)
// with the path; the temporary file is removed on failure.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

// Creates the folder and its parents.
absl::Status MakeDirectories(const std::string& path);

}  // namespace hourglass
