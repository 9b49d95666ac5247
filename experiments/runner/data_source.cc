#include "experiments/runner/data_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/counter_rng.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Words of a small made-up language, so that a model has something to learn.
std::string SyntheticText() {
  constexpr int64_t kBytes = 1 << 16;
  CounterRng rng{.seed = 1, .site = MakeRandomSite("synthetic text")};
  std::string text;
  for (uint64_t word = 0; static_cast<int64_t>(text.size()) < kBytes; ++word) {
    const uint32_t draw = rng.Draw(word);
    for (uint32_t i = 0; i < 2 + draw % 5; ++i) {
      text += static_cast<char>('a' + ((draw >> 8) * (i + 1)) % 26);
    }
    text += ' ';
  }
  text.resize(kBytes);
  return text;
}

absl::StatusOr<std::string> PathOf(const specs::Data& data, const DataRemedy& remedy) {
  if (!data.path().empty()) return CallerPath(data.path());
  if (data.corpus() == kFileCorpus) {
    return absl::InvalidArgumentError(
        absl::StrCat("corpus \"file\" is any file: name it with ", remedy.file));
  }
  const absl::StatusOr<const DataSet*> set = FindDataSet(data.corpus());
  if (!set.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no corpus \"", data.corpus(), "\"; there are: ", absl::StrJoin(CorpusNames(), ", ")));
  }
  HG_ASSIGN_OR_RETURN(const std::string path, PathOfDataSet(**set));
  const absl::Status found = ExpectDataFile(path);
  if (!absl::IsNotFound(found) || (*set)->address.empty()) return path;
  return absl::NotFoundError(absl::StrCat(
      path, ": there is no ", data.corpus(), " (", (*set)->corpus.bytes,
      " bytes); type `hourglass data fetch ", data.corpus(), "`, or name the file with ",
      remedy.file, ", or take the excerpt with ", remedy.excerpt));
}

// A run needs one training window and a byte to validate on.
absl::Status CheckParts(const std::shared_ptr<const ByteCorpus>& corpus, int64_t window) {
  const CorpusIdentity& identity = corpus->identity();
  if (identity.parts.valid.size() == 0) {
    return absl::DataLossError(absl::StrCat(identity.name, ": ", identity.bytes,
                                            " bytes are too few to split them 90/5/5"));
  }
  return ByteWindows(corpus, identity.parts.train).CheckLength(window);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ByteCorpus>> OpenCorpus(const specs::Data& data,
                                                             int64_t window,
                                                             const DataRemedy& remedy) {
  if (data.corpus() == kSyntheticCorpus) {
    return ByteCorpus::FromBytes(kSyntheticCorpus, SyntheticText());
  }
  HG_ASSIGN_OR_RETURN(const std::string path, PathOf(data, remedy));
  HG_ASSIGN_OR_RETURN(std::shared_ptr<const ByteCorpus> corpus,
                      ByteCorpus::Open(path, data.corpus() == kFileCorpus ? "" : data.corpus()));
  if (window > 0) HG_RETURN_IF_ERROR(CheckParts(corpus, window));
  return corpus;
}

results::Dataset DatasetRow(const ByteCorpus& corpus, Split split) {
  const CorpusIdentity& identity = corpus.identity();
  const ByteRange range = corpus.Range(split);
  results::Dataset row;
  row.name = identity.name;
  row.split = std::string(Name(split));
  row.version = absl::StrCat("bytes ", range.begin, "..", range.end, " of ", identity.bytes,
                             ", file sha256 ", identity.sha256);
  row.sha256 = corpus.Sha256(split);
  row.bytes = row.n_units = range.size();
  row.preprocess = "none";
  row.synthetic = identity.name == kSyntheticCorpus;
  row.licence = row.synthetic ? "made up" : identity.licence;
  return row;
}

}  // namespace hourglass
