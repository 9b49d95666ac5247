#pragma once
// From the data part of a spec to bytes.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/data/byte_corpus.h"
#include "results_db/rows.h"

namespace hourglass {

// Opens and checks the corpus that a spec names. NotFound says what to set; DataLoss if the file is
// not the corpus it should be.
absl::StatusOr<std::shared_ptr<const ByteCorpus>> OpenCorpus(const specs::Data& data);

// The row of one part in the results database.
results::Dataset DatasetRow(const ByteCorpus& corpus, Split split);

}  // namespace hourglass
