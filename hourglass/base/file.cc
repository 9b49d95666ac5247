#include "hourglass/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Makes a rename in the folder of `path` survive a power failure; best effort, for not every file
// system can sync a folder.
void SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// `write` may take less than it is given: the rest, of which so many bytes were taken before.
template <typename Write>
absl::Status WriteAll(const std::string& path, std::string_view bytes, const Write& write) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t wrote = write(bytes.substr(written), written);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(path, "write");
    written += static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(const std::string& path, const char* what) {
  const int error = errno;
  const std::string text = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(text);
  }
  return absl::PermissionDeniedError(text);
}

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

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(path, "create");
  return AtomicFile(path, temporary, fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

absl::Status AtomicFile::Append(std::string_view bytes) {
  return WriteAll(path_, bytes, [&](std::string_view rest, size_t) {
    return ::write(fd_, rest.data(), rest.size());
  });
}

absl::Status AtomicFile::Overwrite(int64_t offset, std::string_view bytes) {
  return WriteAll(path_, bytes, [&](std::string_view rest, size_t written) {
    return ::pwrite(fd_, rest.data(), rest.size(), offset + static_cast<int64_t>(written));
  });
}

absl::Status AtomicFile::Commit() {
  absl::Status status;
  if (::fsync(fd_) != 0) status = ErrnoStatus(path_, "sync");
  if (::close(std::exchange(fd_, -1)) != 0 && status.ok()) status = ErrnoStatus(path_, "close");
  if (status.ok() && ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    status = ErrnoStatus(path_, "rename into");
  }
  if (!status.ok()) {
    ::unlink(temporary_.c_str());
    return status;
  }
  SyncFolderOf(path_);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  HG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HG_RETURN_IF_ERROR(file.Append(bytes));
  return file.Commit();
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
