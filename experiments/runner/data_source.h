#pragma once
// From the data part of a spec to bytes.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/data/byte_corpus.h"
#include "results_db/rows.h"

namespace hourglass {

// How the caller can name other data: for messages.
struct DataRemedy {
  std::string file = "--set data.path=FILE";
  std::string excerpt = "--profile cpu";
};

// Opens and checks the corpus that a spec names: the file at `path`, else the data set of that name
// where `hourglass data` puts it. InvalidArgument lists the names if there is no such corpus,
// or says that its file must be named. NotFound says what to do; DataLoss if the file is empty, not
// the corpus it should be, or, with `window`, too short for one training window of so many bytes
// and something to validate on.
absl::StatusOr<std::shared_ptr<const ByteCorpus>> OpenCorpus(const specs::Data& data,
                                                             int64_t window = 0,
                                                             const DataRemedy& remedy = {});

// The row of one part in the results database.
results::Dataset DatasetRow(const ByteCorpus& corpus, Split split);

}  // namespace hourglass
