#include "experiments/runner/cell_rows.h"

#include "absl/strings/str_format.h"
#include "experiments/runner/data_source.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

std::string Hex(uint64_t number) { return absl::StrFormat("%016x", number); }

}  // namespace

absl::StatusOr<SharedRows> WriteSharedRows(results::ResultsStore& store,
                                           const specs::Experiment& spec,
                                           const Environment& environment, const ByteCorpus& corpus,
                                           const std::string& command) {
  SharedRows shared;
  results::Build build = environment.build;
  HG_ASSIGN_OR_RETURN(build.source_rev, store.Upsert(environment.source));
  HG_ASSIGN_OR_RETURN(shared.build, store.Upsert(build));
  HG_ASSIGN_OR_RETURN(shared.host, store.Upsert(environment.host));
  HG_ASSIGN_OR_RETURN(shared.train, store.Upsert(DatasetRow(corpus, Split::kTrain)));
  HG_ASSIGN_OR_RETURN(shared.valid, store.Upsert(DatasetRow(corpus, Split::kValid)));
  if (spec.has_test()) {
    HG_ASSIGN_OR_RETURN(shared.test, store.Upsert(DatasetRow(corpus, Split::kTest)));
  }
  results::Experiment experiment;
  experiment.slug = spec.name();
  experiment.spec_text = CanonicalText(spec);
  experiment.paper_ref = spec.paper_ref();
  experiment.command = command;
  HG_ASSIGN_OR_RETURN(shared.experiment, store.Upsert(experiment));
  return shared;
}

results::Cell CellRow(const specs::Experiment& spec, const SharedRows& shared, const CellPlan& plan,
                      const std::string& config, const Seeds& seeds, int64_t replica) {
  results::Cell row;
  row.experiment = shared.experiment;
  row.config = config;
  row.dataset_train = shared.train;
  row.dataset_valid = shared.valid;
  row.seed = seeds.run;
  row.replica = replica;
  row.budget_kind = results::BudgetKind::kSteps;
  row.budget = plan.steps;
  row.backend = spec.backend();
  row.scope = results::ParseScope(spec.scope()).value_or(results::Scope::kScaled);
  return row;
}

results::Run RunRow(const SharedRows& shared, const Environment& environment,
                    const std::string& cell, const Seeds& seeds,
                    const std::vector<std::string>& argv, int threads) {
  results::Run run;
  run.cell = cell;
  run.build = shared.build;
  run.host = shared.host;
  run.argv = argv;
  run.env = environment.env;
  run.threads = threads;
  run.describe_json = environment.describe_json;
  run.warnings = environment.warnings;
  if (environment.source.dirty) run.warnings.push_back("--allow-dirty: uncommitted changes");
  run.engine_json = nlohmann::json({{"engine", "local"},
                                    {"seeds",
                                     {{"data", Hex(seeds.data)},
                                      {"dropout", Hex(seeds.dropout)},
                                      {"init", Hex(seeds.init)}}}})
                        .dump();
  return run;
}

}  // namespace hourglass
