#include "tests/reports/made_up_experiment.h"

#include <cstdio>
#include <span>

#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "results_db/store.h"

namespace hourglass::reports {
namespace {

using namespace results;

constexpr int64_t kBatch = 4;
constexpr double kLn2 = 0.6931471805599453;

Build MadeUpBuild(const std::string& source) {
  Build build;
  build.source_rev = source;
  build.binary_sha256 = Sha256Hex("binary");
  build.compiler = "gcc 12.2.0";
  build.flags = "-O3 -march=x86-64-v3";
  build.bazel_version = "4.2.3";
  build.deps_sha256 = Sha256Hex("deps");
  build.deps = {{"oneDNN", "3.2.0"}, {"Abseil", "20220623"}, {"SQLite", "3.40.1"}};
  return build;
}

SourceRev MadeUpSource(bool dirty) {
  SourceRev source;
  source.commit_sha = Sha256Hex("commit").substr(0, 40);
  source.tree_sha = Sha256Hex("tree").substr(0, 40);
  source.committed_at = "2021-10-26T08:00:00.000000Z";
  source.dirty = dirty;
  if (dirty) source.diff = "+ a change";
  return source;
}

Host MadeUpHost() {
  Host host;
  host.fingerprint = {{"cpu_model", "Example CPU 9000"},
                      {"cpu_features", "avx2 fma avx512f avx512bw avx512vl avx512_bf16"},
                      {"cores", "2"},
                      {"memory_bytes", "25769803776"},
                      {"kernel", "6.1.0"},
                      {"libc", "glibc 2.36"}};
  host.perf_class = ClassOf({{"cpu_model", "Example CPU 9000"}});
  host.numeric_class = ClassOf({{"isa", "avx512"}});
  return host;
}

Dataset MadeUpDataset(const std::string& split, int64_t bytes) {
  Dataset data;
  data.name = "enwik8-excerpt";
  data.split = split;
  data.version = split == "train" ? "bytes 0 to 3,300,000" : "bytes 3,400,000 to 3,500,000";
  data.sha256 = Sha256Hex(split);
  data.bytes = data.n_units = bytes;
  data.preprocess = "none";
  data.licence = "CC BY-SA 3.0 and GFDL";
  return data;
}

Config MadeUpConfig(const ModelPlan& model) {
  Config config;
  config.label = model.label;
  config.family = model.family;
  config.canonical_json = model.canonical_json;
  config.n_params = model.n_params;
  config.sequence_length = config.units_per_sequence = model.length;
  config.batch = kBatch;
  config.flops_fwd_needed = model.flops_fwd * kBatch * model.length;
  config.flops_bwd_needed = 2 * config.flops_fwd_needed;
  config.flops_fwd_dense = config.flops_fwd_needed / 4 * 5;
  config.flops_bwd_dense = config.flops_bwd_needed / 4 * 5;
  config.flops_fwd_dense_trax = config.flops_fwd_dense * 2;
  return config;
}

absl::Status WriteSamples(ResultsStore& store, const std::string& run, const ExperimentPlan& plan,
                          const ModelPlan& model, double bits, int64_t last_step) {
  const int64_t step_flops = 3 * model.flops_fwd * kBatch * model.length;
  const double step_ns = 1e9 * static_cast<double>(kBatch * model.length) / model.bytes_per_second;
  for (int64_t step = 1; step <= last_step; ++step) {
    const double now = bits + 3.0 / (1.0 + 0.25 * static_cast<double>(step)) +
                       0.01 * static_cast<double>(step * 7 % 5 - 2);
    const int64_t flops = step_flops * step;
    const int64_t wall = static_cast<int64_t>(step_ns * static_cast<double>(step));
    const Sample samples[] = {{kTrainLossNats, step, now * kLn2, flops, wall},
                              {kTrainBytesPerSecond, step, model.bytes_per_second, flops, wall}};
    HG_RETURN_IF_ERROR(store.Append(run, samples));
    Timing timing;
    timing.bench = "train_step";
    timing.ord = step;
    timing.ns = static_cast<int64_t>(step_ns) + 1000 * (step * 11 % 7);
    HG_RETURN_IF_ERROR(store.AppendTimings(run, std::span(&timing, 1)));
    for (const auto& [part, ms] : model.parts) {
      timing.bench = "train_step/" + part;
      timing.ns = static_cast<int64_t>(1e6 * ms);
      HG_RETURN_IF_ERROR(store.AppendTimings(run, std::span(&timing, 1)));
    }
    if (plan.validate_often ? step % (plan.steps / 6) == 0 : step == plan.steps) {
      const double valid = step == plan.steps ? bits : now + 0.05;
      const Sample sample[] = {{kValidBitsPerByte, step, valid, flops, wall}};
      HG_RETURN_IF_ERROR(store.Append(run, sample));
    }
  }
  return absl::OkStatus();
}

Outcome MadeUpOutcome(const ExperimentPlan& plan, const ModelPlan& model, RunStatus status) {
  Outcome outcome;
  outcome.status = status;
  if (status != RunStatus::kOk) {
    outcome.exit_code = status == RunStatus::kDiverged ? 18 : 70;
    outcome.error = plan.error;
    return outcome;
  }
  outcome.primitives_json = R"({"matmul":12})";
  outcome.peak_bytes_planned = 8 * model.n_params + (12 << 20);
  outcome.peak_bytes_held = *outcome.peak_bytes_planned + (3 << 20);
  outcome.load_json = plan.load;
  outcome.flops_step_executed = 3 * model.flops_fwd * kBatch * model.length / 8 * 9;
  outcome.flops_executed = *outcome.flops_step_executed * plan.steps;
  return outcome;
}

}  // namespace

absl::Status WriteExperiment(const std::string& path, const ExperimentPlan& plan,
                             int64_t first_run) {
  StoreOptions options;
  options.commit_interval = std::chrono::hours(1);
  int64_t minute = first_run - 1;
  options.now = [&minute] {
    char text[40];
    std::snprintf(text, sizeof(text), "2021-10-26T%02d:%02d:00.000000Z",
                  static_cast<int>(minute / 60 % 24), static_cast<int>(minute % 60));
    return std::string(text);
  };
  int64_t next_run = first_run;
  options.new_run_id = [&next_run] {
    char text[40];
    std::snprintf(text, sizeof(text), "01FJY%021d", static_cast<int>(next_run++));
    return std::string(text);
  };
  HG_ASSIGN_OR_RETURN(const auto store, ResultsStore::Open(path, options));
  Run run;
  std::string builds[2];
  for (const bool dirty : {false, true}) {
    HG_ASSIGN_OR_RETURN(const std::string source, store->Upsert(MadeUpSource(dirty)));
    HG_ASSIGN_OR_RETURN(builds[dirty], store->Upsert(MadeUpBuild(source)));
  }
  HG_ASSIGN_OR_RETURN(run.host, store->Upsert(MadeUpHost()));
  run.argv = {"quickstart"};
  run.threads = 2;
  run.describe_json = R"({"backend":"onednn","isa":"avx512"})";
  Cell cell;
  Experiment experiment;
  experiment.slug = plan.slug;
  experiment.spec_text =
      plan.spec_text.empty()
          ? "name: \"" + plan.slug + "\"\nsteps: " + std::to_string(plan.steps) + "\n"
          : plan.spec_text;
  experiment.paper_ref = "Table 1";
  experiment.command = plan.command;
  HG_ASSIGN_OR_RETURN(cell.experiment, store->Upsert(experiment));
  HG_ASSIGN_OR_RETURN(cell.dataset_train, store->Upsert(MadeUpDataset("train", 3300000)));
  HG_ASSIGN_OR_RETURN(cell.dataset_valid, store->Upsert(MadeUpDataset("valid", 100000)));
  cell.budget = plan.steps;
  cell.backend = "onednn";
  cell.scope = plan.scope;
  for (const ModelPlan& model : plan.models) {
    HG_ASSIGN_OR_RETURN(cell.config, store->Upsert(MadeUpConfig(model)));
    for (size_t replica = 0; replica < model.bits.size(); ++replica) {
      cell.replica = static_cast<int64_t>(replica);
      cell.seed = 1000 + replica;
      HG_ASSIGN_OR_RETURN(run.cell, store->Upsert(cell));
      run.build = builds[plan.dirty || model.dirty.contains(cell.replica)];
      ++minute;
      HG_ASSIGN_OR_RETURN(const std::string id, store->BeginRun(run));
      const auto lost = model.lost.find(cell.replica);
      const RunStatus status = lost == model.lost.end() ? RunStatus::kOk : lost->second;
      const int64_t last = status == RunStatus::kOk ? plan.steps : plan.steps / 3;
      HG_RETURN_IF_ERROR(WriteSamples(*store, id, plan, model, model.bits[replica], last));
      if (status == RunStatus::kRunning) continue;
      ++minute;
      HG_RETURN_IF_ERROR(store->EndRun(id, MadeUpOutcome(plan, model, status)));
    }
  }
  return absl::OkStatus();
}

}  // namespace hourglass::reports
