#pragma once
// A download that is not complete yet, and where it comes from.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hourglass {

// The bytes lie in PATH, the source in PATH.source; both stay when the process ends, so that
// another one can go on. Only one process at a time may hold a part.
class PartFile {
 public:
  // Creates the part or takes up what is there. Aborted: another process holds it.
  // ResourceExhausted, PermissionDenied, NotFound (no such folder) with the path.
  static absl::StatusOr<PartFile> Open(const std::string& path);
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile();

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }
  // What the bytes are of: the address, and the version of the file there (an ETag or a date).
  // Both empty if that is not known; then nothing may be appended before a Restart.
  const std::string& url() const { return url_; }
  const std::string& version() const { return version_; }

  // Drops all bytes and remembers the source of the next ones.
  absl::Status Restart(const std::string& url, const std::string& version);
  absl::Status Append(std::string_view bytes);
  // The bytes are on the disk when this returns.
  absl::Status Sync();
  // The part becomes `target`, in the same folder, and is a part no more; the last call.
  absl::Status MoveTo(const std::string& target);
  // Removes both files; the last call.
  void Discard();

 private:
  PartFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string SourcePath() const { return path_ + ".source"; }
  void ReadSource();

  std::string path_;
  int fd_ = -1;
  int64_t size_ = 0;
  std::string url_, version_;
};

}  // namespace hourglass
