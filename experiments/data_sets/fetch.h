#pragma once
// Brings a data set here: download, check, unpack, check again.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/data_sets/http_download.h"

namespace hourglass {

struct FetchOptions {
  std::string folder;   // created if need be
  std::string address;  // of the archive; empty: the data set's own
  DownloadSettings download;
  DownloadProgress progress;
};

struct Fetched {
  std::string path;            // of the file, verified
  bool already_there = false;  // nothing had to be done
  int64_t downloaded = 0;      // bytes of the archive that this call received
};

// The file is at FOLDER/NAME, whole and verified, when this succeeds; never there in part. In
// between the archive grows as FOLDER/ARCHIVE.part, which stays after an interruption or a network
// error, and the same call goes on. An archive that is already in the folder is used.
//   DataLoss           a checksum or size is wrong (what was downloaded is removed, what lay there
//                      before is left alone), or the archive is damaged
//   Unavailable        network or server; Cancelled: progress asked for the end
//   ResourceExhausted, PermissionDenied   disk full, folder not writable
//   Aborted            another process is fetching the same into this folder
absl::StatusOr<Fetched> FetchDataSet(const DataSet& set, const FetchOptions& options);

}  // namespace hourglass
