#include "experiments/runner/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hourglass {
namespace {

// The same file for every way to write the path.
std::string LockPath(const std::string& database) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::weakly_canonical(database, error);
  return (error ? database : path.string()) + ".lock";
}

}  // namespace

absl::StatusOr<RunLock> RunLock::Take(const std::string& database) {
  const std::string path = LockPath(database);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::PermissionDeniedError(absl::StrCat(path, ": cannot open: ", std::strerror(errno),
                                                    "; name a database in another folder"));
  }
  RunLock lock(fd);
  int result;
  do {
    result = ::flock(fd, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return absl::AbortedError(absl::StrCat(
        path, ": another `hourglass run` is working on this database; wait for it to end, or name ",
        "another one with --db"));
  }
  return absl::PermissionDeniedError(
      absl::StrCat(path, ": cannot lock: ", std::strerror(errno), "; put it on a local disk"));
}

RunLock::RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

RunLock::~RunLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hourglass
