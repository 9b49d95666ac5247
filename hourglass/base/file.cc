#include "hourglass/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

absl::Status ErrnoStatus(const std::string& path, const char* what) {
  const int error = errno;
  const std::string text = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::PermissionDeniedError(text);
}

absl::Status WriteAndSync(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(path, "write");
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  if (::fsync(fd) != 0) return ErrnoStatus(path, "sync");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(path, "open");
  std::string bytes;
  std::string buffer(1 << 20, '\0');
  absl::Status status;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = ErrnoStatus(path, "read");
    if (got <= 0) break;
    bytes.append(buffer.data(), static_cast<size_t>(got));
  }
  ::close(fd);
  HG_RETURN_IF_ERROR(status);
  return bytes;
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(path, "create");
  absl::Status status = WriteAndSync(fd, path, bytes);
  if (::close(fd) != 0 && status.ok()) status = ErrnoStatus(path, "close");
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(path, "rename into");
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

absl::Status MakeDirectories(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": cannot create folder: ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace hourglass
