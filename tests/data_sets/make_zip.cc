#include "tests/data_sets/make_zip.h"

#include <archive.h>
#include <archive_entry.h>

#include "hourglass/base/check.h"

namespace hourglass {

std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& members) {
  size_t room = 4096;
  for (const auto& [name, bytes] : members) room += 2 * name.size() + 2 * bytes.size() + 1024;
  std::string zip(room, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  HG_CHECK(archive_write_open_memory(writer, zip.data(), zip.size(), &used) == ARCHIVE_OK);
  for (const auto& [name, bytes] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    HG_CHECK(archive_write_header(writer, entry) == ARCHIVE_OK);
    HG_CHECK(archive_write_data(writer, bytes.data(), bytes.size()) ==
             static_cast<la_ssize_t>(bytes.size()));
    archive_entry_free(entry);
  }
  HG_CHECK(archive_write_close(writer) == ARCHIVE_OK);
  archive_write_free(writer);
  zip.resize(used);
  return zip;
}

std::string DamageZip(std::string zip) {
  // Past the local header: 30 bytes, name and extra field.
  const auto u16 = [&](size_t at) {
    return static_cast<size_t>(static_cast<unsigned char>(zip[at])) |
           static_cast<size_t>(static_cast<unsigned char>(zip[at + 1])) << 8;
  };
  zip[30 + u16(26) + u16(28) + 10] ^= 4;
  return zip;
}

}  // namespace hourglass
