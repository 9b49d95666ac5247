#include "experiments/runner/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
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

struct LockFile {
  int fd = -1;
  bool created = false;
};

// Opens the file, or creates it; errno says why if that fails.
LockFile OpenLockFile(const std::string& path) {
  for (;;) {
    const int fresh = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fresh >= 0 || errno != EEXIST) return {fresh, true};
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) return {fd, false};
    // Removed between the two: try again.
  }
}

// Whether the path still names the file that is open: its last holder may have removed it.
bool IsNamed(int fd, const std::string& path) {
  struct stat open_file = {}, named = {};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

}  // namespace

absl::StatusOr<RunLock> RunLock::Take(const std::string& database) {
  const std::string path = LockPath(database);
  for (;;) {
    const LockFile file = OpenLockFile(path);
    if (file.fd < 0) {
      return absl::PermissionDeniedError(absl::StrCat(path, ": cannot open: ", std::strerror(errno),
                                                      "; name a database in another folder"));
    }
    RunLock lock(file.fd, path, file.created);
    int result;
    do {
      result = ::flock(file.fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result == 0 && IsNamed(file.fd, path)) return lock;
    if (result == 0) continue;
    if (errno == EWOULDBLOCK) {
      return absl::AbortedError(absl::StrCat(
          path, ": another `hourglass run` is working on this database; wait for it to end, or ",
          "name another one with --db"));
    }
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": cannot lock: ", std::strerror(errno), "; put it on a local disk"));
  }
}

void RunLock::RemoveNewFile() {
  // Best effort: an empty file that stays does no harm.
  if (fd_ >= 0 && created_) ::unlink(path_.c_str());
  created_ = false;
}

RunLock::RunLock(RunLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), created_(other.created_) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(created_, other.created_);
  return *this;
}

RunLock::~RunLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hourglass
