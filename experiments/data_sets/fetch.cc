#include "experiments/data_sets/fetch.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "experiments/data_sets/part_file.h"
#include "experiments/data_sets/unzip.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

absl::Status WithAdvice(const absl::Status& status, const std::string& advice) {
  return absl::Status(status.code(), absl::StrCat(status.message(), advice));
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

class Fetcher {
 public:
  Fetcher(const DataSet& set, const FetchOptions& options)
      : set_(set),
        options_(options),
        address_(options.address.empty() ? set.address : options.address),
        target_(absl::StrCat(options.folder, "/", set.name())),
        archive_(absl::StrCat(options.folder, "/", set.archive.name)) {}

  absl::StatusOr<Fetched> Run() {
    fetched_.path = target_;
    if (Exists(target_)) {
      HG_RETURN_IF_ERROR(CheckWhatLiesThere(target_, set_.corpus));
      fetched_.already_there = true;
      return fetched_;
    }
    HG_RETURN_IF_ERROR(MakeDirectories(options_.folder));
    const bool has_archive = Exists(archive_);
    if (has_archive) {
      HG_RETURN_IF_ERROR(CheckWhatLiesThere(archive_, set_.archive));
    } else {
      HG_RETURN_IF_ERROR(DownloadArchive());
    }
    const absl::Status unpacked = Unpack();
    // The unpacked file can do without; an archive that somebody else put there is not ours.
    if (!has_archive && (unpacked.ok() || absl::IsDataLoss(unpacked))) ::unlink(archive_.c_str());
    HG_RETURN_IF_ERROR(unpacked);
    return fetched_;
  }

 private:
  static absl::Status CheckWhatLiesThere(const std::string& path, const FileIdentity& expected) {
    HG_ASSIGN_OR_RETURN(const FileIdentity found, IdentityOfFile(path));
    const absl::Status status = ExpectIdentity(path, found, expected);
    return status.ok() ? status : WithAdvice(status, "; move it away or fetch --to another folder");
  }

  absl::Status DownloadArchive() {
    HG_ASSIGN_OR_RETURN(PartFile part, PartFile::Open(archive_ + ".part"));
    const absl::StatusOr<int64_t> received =
        Download(address_, set_.archive.bytes, options_.download, options_.progress, part);
    if (!received.ok()) return Explain(received.status(), part);
    fetched_.downloaded = *received;
    HG_ASSIGN_OR_RETURN(const FileIdentity found, IdentityOfFile(part.path()));
    if (const absl::Status status = ExpectIdentity(address_, found, set_.archive); !status.ok()) {
      return Explain(status, part);
    }
    return part.MoveTo(archive_);
  }

  // What the user can do about a download that failed, and what is left of it.
  absl::Status Explain(const absl::Status& status, PartFile& part) const {
    const std::string kept =
        absl::StrCat("; ", part.size(), " of ", set_.archive.bytes, " bytes are in ", part.path(),
                     ", the same command goes on from there");
    switch (status.code()) {
      case absl::StatusCode::kDataLoss:
        part.Discard();
        return WithAdvice(status,
                          "; nothing was kept; the address gives another file, see whether a proxy "
                          "or a login page answers in its place, or name a mirror with --from URL");
      case absl::StatusCode::kUnavailable:
        if (part.size() == 0) part.Discard();
        return WithAdvice(
            status,
            absl::StrCat(part.size() > 0 ? kept : "",
                         "; check the network and the proxy variables (https_proxy), name a "
                         "mirror with --from URL, or put ",
                         set_.archive.name, " from elsewhere into ", options_.folder));
      case absl::StatusCode::kCancelled:
        return WithAdvice(status, kept);
      case absl::StatusCode::kResourceExhausted:
        return WithAdvice(status, absl::StrCat(kept, " once there is room"));
      default:
        if (part.size() == 0) part.Discard();
        return status;
    }
  }

  absl::Status Unpack() {
    HG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(target_));
    FileIdentity found{set_.name(), 0, ""};
    Sha256 hash;
    const auto sink = [&](std::string_view bytes) -> absl::Status {
      if (options_.progress && !options_.progress(set_.archive.bytes, set_.archive.bytes)) {
        return absl::CancelledError(absl::StrCat(target_, ": stopped; the same command unpacks ",
                                                 archive_, " without fetching it"));
      }
      found.bytes += static_cast<int64_t>(bytes.size());
      if (found.bytes > set_.corpus.bytes) {
        return absl::DataLossError(absl::StrCat(archive_, ": unpacks to more than the ",
                                                set_.corpus.bytes, " bytes of ", set_.name()));
      }
      hash.Update(bytes);
      return file.Append(bytes);
    };
    HG_RETURN_IF_ERROR(UnzipMember(archive_, set_.name(), sink));
    found.sha256 = hash.Hex();
    HG_RETURN_IF_ERROR(ExpectIdentity(archive_, found, set_.corpus));
    return file.Commit();
  }

  const DataSet& set_;
  const FetchOptions& options_;
  const std::string address_, target_, archive_;
  Fetched fetched_;
};

}  // namespace

absl::StatusOr<Fetched> FetchDataSet(const DataSet& set, const FetchOptions& options) {
  if (set.address.empty()) {
    HG_ASSIGN_OR_RETURN(const std::string path, PathOfDataSet(set));
    HG_RETURN_IF_ERROR(VerifyDataSet(set, path));
    return Fetched{path, /*already_there=*/true};
  }
  return Fetcher(set, options).Run();
}

}  // namespace hourglass
