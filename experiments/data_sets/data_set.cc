#include "experiments/data_sets/data_set.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/check.h"
#include "hourglass/base/runfiles.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Paper C3: problem Enwik8L2k of the authors' fork of tensor2tensor.
constexpr int64_t kPaperStride = 512;

CorpusIdentity Corpus(std::string_view name) {
  for (const CorpusIdentity& known : KnownCorpora()) {
    if (known.name == name) return known;
  }
  HG_CHECK(false && "a data set without a corpus");
}

// Where each checksum comes from: experiments/data/README.md.
std::vector<DataSet> MakeDataSets() {
  DataSet full;
  full.corpus = Corpus("enwik8");
  full.summary = "the first 100,000,000 bytes of the English Wikipedia dump of 3 March 2006";
  full.window_stride = kPaperStride;
  full.address = "https://mattmahoney.net/dc/enwik8.zip";
  full.archive = {"enwik8.zip", 36445475,
                  "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc"};
  DataSet excerpt;
  excerpt.corpus = Corpus("enwik8-3500k");
  excerpt.summary = "the first 3,500,000 bytes of enwik8; comes with the project";
  excerpt.window_stride = kPaperStride;
  excerpt.runfile = "experiments/data/enwik8.first3500000";
  return {full, excerpt};
}

absl::Status MissingFile(const DataSet& set, const absl::Status& status) {
  if (set.address.empty()) return status;
  return absl::NotFoundError(
      absl::StrCat(status.message(), "; `hourglass data fetch ", set.name(), "` brings it"));
}

}  // namespace

std::span<const DataSet> DataSets() {
  static const std::vector<DataSet>* const sets = new std::vector<DataSet>(MakeDataSets());
  return *sets;
}

std::vector<std::string> CorpusNames() {
  std::vector<std::string> names;
  for (const DataSet& set : DataSets()) names.push_back(set.name());
  names.insert(names.end(), {kFileCorpus, kSyntheticCorpus});
  return names;
}

absl::StatusOr<const DataSet*> FindDataSet(std::string_view name) {
  for (const DataSet& set : DataSets()) {
    if (set.name() == name) return &set;
  }
  return absl::NotFoundError(absl::StrCat(
      "no data set is called \"", std::string(name),
      "\"; there are: ", absl::StrJoin(DataSets(), ", ", [](std::string* out, const DataSet& set) {
        absl::StrAppend(out, set.name());
      })));
}

std::string DefaultDataFolder() {
  const char* folder = std::getenv("HOURGLASS_DATA");
  if (folder != nullptr && *folder != '\0') return CallerPath(folder);
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return workspace == nullptr || *workspace == '\0' ? "data" : absl::StrCat(workspace, "/data");
}

absl::StatusOr<std::string> PathOfDataSet(const DataSet& set) {
  if (!set.runfile.empty()) return FindRunfile(set.runfile);
  return absl::StrCat(DefaultDataFolder(), "/", set.name());
}

absl::Status VerifyDataSet(const DataSet& set, const std::string& path) {
  const absl::StatusOr<FileIdentity> found = IdentityOfFile(path);
  if (absl::IsNotFound(found.status())) return MissingFile(set, found.status());
  HG_RETURN_IF_ERROR(found.status());
  return ExpectIdentity(path, *found, set.corpus);
}

absl::StatusOr<KnownFile> IdentifyFile(const std::string& path) {
  HG_ASSIGN_OR_RETURN(const FileIdentity found, IdentityOfFile(path));
  std::string known;
  for (const DataSet& set : DataSets()) {
    for (const FileIdentity& one : {static_cast<const FileIdentity&>(set.corpus), set.archive}) {
      if (one.name.empty()) continue;
      if (one.bytes == found.bytes && one.sha256 == found.sha256) return KnownFile{&set, one};
      absl::StrAppend(&known, "\n  ", one.name, ": ", one.bytes, " bytes, SHA-256 ", one.sha256);
    }
  }
  return absl::DataLossError(absl::StrCat(path, ": ", found.bytes, " bytes, SHA-256 ", found.sha256,
                                          "; that is none of:", known));
}

}  // namespace hourglass
