#include "experiments/data_sets/unzip.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/base/status.h"
#include "hourglass/data/file_identity.h"

namespace hourglass {
namespace {

constexpr size_t kBlockBytes = 1 << 16;
constexpr size_t kMembersNamed = 5;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

absl::Status Damaged(const std::string& path, archive* reader) {
  const char* reason = archive_error_string(reader);
  return absl::DataLossError(absl::StrCat(
      path, ": is no intact zip archive: ", reason == nullptr ? "cannot be read" : reason));
}

absl::Status CopyData(const std::string& path, archive* reader,
                      const std::function<absl::Status(std::string_view bytes)>& sink) {
  std::vector<char> buffer(kBlockBytes);
  while (true) {
    const la_ssize_t got = archive_read_data(reader, buffer.data(), buffer.size());
    if (got == 0) return absl::OkStatus();
    // Warnings, too: libarchive calls a wrong CRC one.
    if (got < 0) return Damaged(path, reader);
    HG_RETURN_IF_ERROR(sink({buffer.data(), static_cast<size_t>(got)}));
  }
}

}  // namespace

absl::Status UnzipMember(const std::string& archive, const std::string& member,
                         const std::function<absl::Status(std::string_view bytes)>& sink) {
  HG_RETURN_IF_ERROR(ExpectDataFile(archive));
  const Reader reader(archive_read_new(), archive_read_free);
  if (!reader) return absl::ResourceExhaustedError("libarchive: no memory");
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_filename(reader.get(), archive.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return Damaged(archive, reader.get());
  }
  std::vector<std::string> members;
  archive_entry* entry = nullptr;
  int code = ARCHIVE_OK;
  while ((code = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
    const char* name = archive_entry_pathname(entry);
    if (name != nullptr && name == member) return CopyData(archive, reader.get(), sink);
    if (members.size() < kMembersNamed) members.emplace_back(name == nullptr ? "?" : name);
  }
  if (code != ARCHIVE_EOF) return Damaged(archive, reader.get());
  return absl::DataLossError(absl::StrCat(archive, ": has no member called ", member,
                                          ", only: ", absl::StrJoin(members, ", ")));
}

}  // namespace hourglass
