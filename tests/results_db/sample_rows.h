// Rows for tests: valid, small, made up.
#pragma once

#include <string>

#include "results_db/store.h"

namespace hourglass::results {

inline SourceRev SampleSource() {
  SourceRev row;
  row.commit_sha = std::string(40, 'a');
  row.tree_sha = std::string(40, 'b');
  row.committed_at = "2021-10-26T12:00:00.000000Z";
  return row;
}

inline Build SampleBuild(const std::string& source_rev) {
  Build row;
  row.source_rev = source_rev;
  row.binary_sha256 = std::string(64, 'c');
  row.compiler = "gcc 12.2.0";
  row.flags = "-O3";
  row.bazel_version = "4.2.3";
  row.deps_sha256 = std::string(64, 'd');
  row.deps = {{"oneDNN", "3.2.0"}, {"SQLite", "3.40.1"}};
  return row;
}

inline Host SampleHost() {
  Host row;
  row.fingerprint = {{"cpu_model", "Example CPU"}, {"cpu_features", "avx2 fma"}, {"cores", "2"}};
  row.perf_class = ClassOf({{"cpu_model", "Example CPU"}});
  row.numeric_class = ClassOf({{"isa", "avx2"}});
  return row;
}

inline Dataset SampleDataset(const std::string& split) {
  Dataset row;
  row.name = "sample";
  row.split = split;
  row.version = "1";
  row.sha256 = std::string(64, split[0]);
  row.bytes = row.n_units = 1000;
  row.preprocess = "none";
  row.synthetic = true;
  row.licence = "none";
  return row;
}

inline Config SampleConfig(const std::string& label, const std::string& family) {
  Config row;
  row.label = label;
  row.family = family;
  row.canonical_json = R"({"hierarchy":")" + label + R"("})";
  row.n_params = 1000;
  row.sequence_length = row.units_per_sequence = 10;
  row.batch = 4;
  row.flops_fwd_needed = 40000;
  row.flops_bwd_needed = 80000;
  row.flops_fwd_dense = 50000;
  row.flops_bwd_dense = 100000;
  return row;
}

inline Experiment SampleExperiment() {
  Experiment row;
  row.slug = "sample";
  row.spec_text = "name: \"sample\"\n";
  row.command = "./bazelw run //experiments:hourglass -- run sample";
  return row;
}

inline Outcome OkOutcome() {
  Outcome outcome;
  outcome.primitives_json = R"({"matmul":7})";
  outcome.peak_bytes_planned = 1 << 20;
  outcome.peak_bytes_held = 1 << 21;
  outcome.flops_executed = 1200000;
  outcome.flops_step_executed = 130000;
  return outcome;
}

// Writes all that a run points at and returns a Run that BeginRun accepts.
inline absl::StatusOr<Run> SampleRun(ResultsStore& store, const std::string& label = "2@1",
                                     const std::string& family = "vanilla", int64_t replica = 0) {
  const auto source = store.Upsert(SampleSource());
  if (!source.ok()) return source.status();
  const auto build = store.Upsert(SampleBuild(*source));
  const auto host = store.Upsert(SampleHost());
  Cell cell;
  const auto experiment = store.Upsert(SampleExperiment());
  const auto config = store.Upsert(SampleConfig(label, family));
  const auto train = store.Upsert(SampleDataset("train"));
  const auto valid = store.Upsert(SampleDataset("valid"));
  for (const auto* id : {&build, &host, &experiment, &config, &train, &valid}) {
    if (!id->ok()) return id->status();
  }
  cell.experiment = *experiment;
  cell.config = *config;
  cell.dataset_train = *train;
  cell.dataset_valid = *valid;
  cell.seed = 0xfedcba9876543210u;
  cell.replica = replica;
  cell.budget = 10;
  cell.backend = "reference";
  cell.scope = Scope::kSmoke;
  const auto cell_id = store.Upsert(cell);
  if (!cell_id.ok()) return cell_id.status();
  Run run;
  run.cell = *cell_id;
  run.build = *build;
  run.host = *host;
  run.argv = {"hourglass", "run", "sample"};
  run.threads = 2;
  run.describe_json = R"({"backend":"reference"})";
  return run;
}

}  // namespace hourglass::results
