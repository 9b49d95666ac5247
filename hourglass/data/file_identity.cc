#include "hourglass/data/file_identity.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

absl::StatusOr<struct stat> StatOfDataFile(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return ErrnoStatus(path, "open");
  if (S_ISDIR(found.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": is a folder, not a file of bytes"));
  }
  // A pipe may well carry data; a device may never end.
  if (!S_ISREG(found.st_mode) && !S_ISFIFO(found.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": is a device, not a file of bytes"));
  }
  return found;
}

}  // namespace

absl::Status ExpectDataFile(const std::string& path) { return StatOfDataFile(path).status(); }

absl::StatusOr<FileIdentity> IdentityOfFile(const std::string& path) {
  HG_ASSIGN_OR_RETURN(const struct stat found, StatOfDataFile(path));
  FileIdentity identity;
  identity.name = std::filesystem::path(path).filename().string();
  identity.bytes = static_cast<int64_t>(found.st_size);
  HG_ASSIGN_OR_RETURN(identity.sha256, Sha256FileHex(path));
  return identity;
}

absl::Status ExpectIdentity(const std::string& path, const FileIdentity& got,
                            const FileIdentity& expected) {
  if (got.bytes != expected.bytes) {
    return absl::DataLossError(absl::StrCat(path, ": is not ", expected.name, ": it has ",
                                            got.bytes, " bytes instead of ", expected.bytes));
  }
  if (got.sha256 != expected.sha256) {
    return absl::DataLossError(absl::StrCat(path, ": is not ", expected.name, ": its SHA-256 is ",
                                            got.sha256, " instead of ", expected.sha256));
  }
  return absl::OkStatus();
}

}  // namespace hourglass
