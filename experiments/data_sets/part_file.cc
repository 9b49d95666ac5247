#include "experiments/data_sets/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/file.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Whether the name still stands for the open file: the one who held it before may have renamed it.
bool StillNamed(const std::string& path, int fd) {
  struct stat by_name {
  }, by_fd{};
  return ::stat(path.c_str(), &by_name) == 0 && ::fstat(fd, &by_fd) == 0 &&
         by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

}  // namespace

absl::StatusOr<PartFile> PartFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(path, "create");
  PartFile part(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || !StillNamed(path, fd)) {
    return absl::AbortedError(
        absl::StrCat(path, ": another process is writing it; wait for its end and try again"));
  }
  struct stat found {};
  if (::fstat(fd, &found) != 0) return ErrnoStatus(path, "look at");
  part.size_ = static_cast<int64_t>(found.st_size);
  part.ReadSource();
  return part;
}

PartFile::PartFile(PartFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      url_(std::move(other.url_)),
      version_(std::move(other.version_)) {}

PartFile::~PartFile() {
  if (fd_ >= 0) ::close(fd_);
}

void PartFile::ReadSource() {
  const absl::StatusOr<std::string> text = ReadFile(SourcePath());
  if (!text.ok()) return;
  const size_t end = text->find('\n');
  if (end == std::string::npos || text->back() != '\n' || text->size() < end + 2) return;
  url_ = text->substr(0, end);
  version_ = text->substr(end + 1, text->size() - end - 2);
}

absl::Status PartFile::Restart(const std::string& url, const std::string& version) {
  // In this order: old bytes must never stand beside a new source.
  if (::ftruncate(fd_, 0) != 0) return ErrnoStatus(path_, "empty");
  size_ = 0;
  HG_RETURN_IF_ERROR(WriteFileAtomically(SourcePath(), absl::StrCat(url, "\n", version, "\n")));
  url_ = url;
  version_ = version;
  return absl::OkStatus();
}

absl::Status PartFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(path_, "write");
    size_ += wrote;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status PartFile::Sync() {
  return ::fsync(fd_) == 0 ? absl::OkStatus() : ErrnoStatus(path_, "sync");
}

absl::Status PartFile::MoveTo(const std::string& target) {
  if (std::rename(path_.c_str(), target.c_str()) != 0) return ErrnoStatus(target, "rename into");
  ::unlink(SourcePath().c_str());
  return absl::OkStatus();
}

void PartFile::Discard() {
  ::unlink(SourcePath().c_str());
  ::unlink(path_.c_str());
}

}  // namespace hourglass
