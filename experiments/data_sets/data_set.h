#pragma once
// The data sets that specs can name: what they are, where they are published, where they are looked
// for, and whether a file is one of them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/data/byte_corpus.h"

namespace hourglass {

struct DataSet {
  CorpusIdentity corpus;  // its file: name, size, SHA-256, parts, licence
  std::string summary;
  int64_t window_stride = 1;  // between training windows, as the paper takes them
  // Of a set that is fetched: a zip archive with one member, called like the corpus.
  std::string address;
  FileIdentity archive;
  // Of a set that ships with the project: where in the repository.
  std::string runfile;

  const std::string& name() const { return corpus.name; }
};

// "enwik8" and "enwik8-3500k".
std::span<const DataSet> DataSets();

// What data.corpus of a spec may say: the names of DataSets(), "file" for any file, which must then
// be named, and "synthetic" for made-up text.
inline constexpr char kFileCorpus[] = "file";
inline constexpr char kSyntheticCorpus[] = "synthetic";
std::vector<std::string> CorpusNames();

// NotFound lists the names.
absl::StatusOr<const DataSet*> FindDataSet(std::string_view name);

// Where fetched data lies: $HOURGLASS_DATA (relative: the caller's folder), else "data" in
// BUILD_WORKSPACE_DIRECTORY, else "data" in the current directory.
std::string DefaultDataFolder();

// Where the file of a data set is looked for, whether it is there or not.
absl::StatusOr<std::string> PathOfDataSet(const DataSet& set);

// Reads the file at `path` and holds its size and SHA-256 against the data set. NotFound (with the
// command that brings it), DataLoss (with what was found), PermissionDenied.
absl::Status VerifyDataSet(const DataSet& set, const std::string& path);

// What the file at `path` is: a data set or the archive of one, known by size and SHA-256 alone.
// DataLoss prints its size and SHA-256 if it is neither.
struct KnownFile {
  const DataSet* set = nullptr;
  FileIdentity identity;  // as the registry has it
};
absl::StatusOr<KnownFile> IdentifyFile(const std::string& path);

}  // namespace hourglass
