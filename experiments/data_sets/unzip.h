#pragma once
// One member out of a zip archive. The only place that knows libarchive.

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace hourglass {

// Hands the bytes of the member that is called exactly `member` to `sink`, piece by piece; no name
// of the archive ever becomes a path. What the sink refuses ends it with that status.
//   NotFound          no such archive
//   DataLoss          no zip archive, damaged (structure, size or CRC), or without such a member;
//                     the message names the members there are
//   PermissionDenied  it cannot be read
absl::Status UnzipMember(const std::string& archive, const std::string& member,
                         const std::function<absl::Status(std::string_view bytes)>& sink);

}  // namespace hourglass
