#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hourglass {

// The status of the system call that just failed (errno): "PATH: cannot WHAT: reason". NotFound (no
// such file), ResourceExhausted (disk full, or a limit on its use), PermissionDenied for the rest.
absl::Status ErrnoStatus(const std::string& path, const char* what);

// The whole file. NotFound if it does not exist, PermissionDenied for other failures; the message
// starts with the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes to a temporary file in the same folder, syncs it and renames it over `path`, so a reader
// sees the old content or the new, never a part. PermissionDenied or ResourceExhausted (disk full)
// with the path; the temporary file is removed on failure.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

// The same in pieces, for files too large to be held in memory. Without Commit nothing is replaced.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Append(std::string_view bytes);
  // Replaces bytes that were appended.
  absl::Status Overwrite(int64_t offset, std::string_view bytes);
  // Syncs, closes and renames; the last call, whether it succeeds or not.
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

// Creates the folder and its parents.
absl::Status MakeDirectories(const std::string& path);

}  // namespace hourglass
