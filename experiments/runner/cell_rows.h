#pragma once
// The rows of the results database that a run points at.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/planner.h"
#include "experiments/runner/seeds.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/data/byte_corpus.h"
#include "results_db/store.h"

namespace hourglass {

// Ids of the rows that all runs of a sweep have in common.
struct SharedRows {
  std::string experiment, build, host, train, valid;
  std::string test;  // empty: the spec does not score the test part
};

// Writes them, unless they are there.
absl::StatusOr<SharedRows> WriteSharedRows(results::ResultsStore& store,
                                           const specs::Experiment& spec,
                                           const Environment& environment, const ByteCorpus& corpus,
                                           const std::string& command);

// `config` is the id of the configuration's row.
results::Cell CellRow(const specs::Experiment& spec, const SharedRows& shared, const CellPlan& plan,
                      const std::string& config, const Seeds& seeds, int64_t replica);

// `cell` is the id of the cell's row.
results::Run RunRow(const SharedRows& shared, const Environment& environment,
                    const std::string& cell, const Seeds& seeds,
                    const std::vector<std::string>& argv, int threads);

}  // namespace hourglass
