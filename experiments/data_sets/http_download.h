#pragma once
// One file over HTTP into a PartFile, going on where an earlier try stopped. The only place that
// knows libcurl.

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/data_sets/part_file.h"

namespace hourglass {

struct DownloadSettings {
  int64_t connect_timeout_ms = 30'000;
  int64_t stall_timeout_ms = 60'000;  // without a byte
  // Tries in a row that bring the file no further before it is given up.
  int attempts = 5;
  int64_t first_wait_ms = 1'000;  // between tries, doubled from one to the next
};

// Called often with the bytes that are there and all there will be; false ends with Cancelled.
using DownloadProgress = std::function<bool(int64_t done, int64_t total)>;

// Completes `part` to exactly `expected_bytes` bytes from `url` (http or https, redirects followed,
// proxies of the environment used). What `part` already holds is not asked for again if the server
// can send ranges and still has the same file (by its ETag or date); else it starts afresh. Returns
// how many bytes of the file this call received.
//
// A broken connection, silence, or an answer 408, 429 or 5xx is tried again; that no connection can
// be made, only if this call has received data before. On failure the part is kept, except as
// DataLoss says:
//   Unavailable        no connection, or the server does not have the file; names url and reason
//   DataLoss           the server offers or sends a file of another size: not the file; the caller
//                      should discard the part
//   Cancelled          progress asked for the end
//   usage error        no http or https address
//   ResourceExhausted, PermissionDenied   the part cannot be written
absl::StatusOr<int64_t> Download(const std::string& url, int64_t expected_bytes,
                                 const DownloadSettings& settings, const DownloadProgress& progress,
                                 PartFile& part);

}  // namespace hourglass
