#include "experiments/runner/run_experiment.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/data_source.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/planner.h"
#include "experiments/runner/run_cell.h"
#include "experiments/runner/seeds.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/file.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/query.h"
#include "results_db/store.h"

namespace hourglass {
namespace {

std::string Hex(uint64_t number) { return absl::StrFormat("%016x", number); }

class Sweep {
 public:
  Sweep(const specs::Experiment& spec, const RunOptions& options)
      : spec_(spec), options_(options) {}

  absl::StatusOr<RunSummary> Run() {
    HG_RETURN_IF_ERROR(Prepare());
    HG_RETURN_IF_ERROR(WriteSharedRows());
    Progress progress(*options_.log, options_.progress, TotalWork());
    Announce(progress);
    for (const int64_t replica : replicas_) {
      for (const CellPlan& plan : plans_) {
        HG_RETURN_IF_ERROR(RunOne(plan, replica, progress));
        if (summary_.exit_code == kExitInterrupted) return std::move(summary_);
      }
    }
    return std::move(summary_);
  }

 private:
  absl::Status Prepare() {
    HG_ASSIGN_OR_RETURN(plans_, PlanExperiment(spec_));
    HG_RETURN_IF_ERROR(CheckMatch(spec_, plans_));
    HG_RETURN_IF_ERROR(KeepWanted());
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    threads_ = options_.threads > 0 ? options_.threads : cores;
    SetThreadCount(threads_);
    HG_ASSIGN_OR_RETURN(backend_, MakeBackend(spec_.backend()));
    HG_ASSIGN_OR_RETURN(corpus_, OpenCorpus(spec_.data(), spec_.training().length()));
    HG_ASSIGN_OR_RETURN(environment_, CaptureEnvironment(options_.stamp, *backend_, threads_,
                                                         spec_.training().dtype()));
    HG_RETURN_IF_ERROR(CheckTree());
    HG_RETURN_IF_ERROR(MakeDirectories(FolderOf(options_.database)));
    HG_ASSIGN_OR_RETURN(store_, results::ResultsStore::Open(options_.database));
    return absl::OkStatus();
  }

  // A result of a tree that nobody else has can only be trusted by who made it: ask first.
  absl::Status CheckTree() const {
    if (!environment_.source.dirty || options_.allow_dirty) return absl::OkStatus();
    constexpr size_t kMostNamed = 8;
    std::vector<std::string> files = ChangedFiles(environment_.source.diff);
    const size_t changed = files.size();
    if (changed > kMostNamed) {
      files.resize(kMostNamed);
      files.push_back(absl::StrCat("and ", changed - kMostNamed, " more"));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "dirty work tree: the program was built from files that are not in a commit (",
        files.empty() ? "git does not say which" : absl::StrJoin(files, ", "),
        "); commit them, or run with --allow-dirty: the difference to the commit is then stored "
        "with every run, and every table of the report is marked"));
  }

  absl::Status KeepWanted() {
    if (!options_.only_cell.empty()) {
      std::erase_if(plans_,
                    [&](const CellPlan& plan) { return plan.cell.label() != options_.only_cell; });
      if (plans_.empty()) {
        return UsageError(absl::StrCat(spec_.name(), " has no cell \"", options_.only_cell,
                                       "\"; `hourglass list ", spec_.name(), "` prints them"));
      }
    }
    if (options_.only_budget) {
      std::erase_if(plans_,
                    [&](const CellPlan& plan) { return plan.steps != *options_.only_budget; });
      if (plans_.empty()) {
        return UsageError(
            absl::StrCat(spec_.name(), " has no budget of ", *options_.only_budget,
                         " steps; there are: ", absl::StrJoin(BudgetsOf(spec_), ", ")));
      }
    }
    for (int64_t replica = 0; replica < spec_.replicas(); ++replica) {
      if (replica == options_.only_replica.value_or(replica)) replicas_.push_back(replica);
    }
    if (!replicas_.empty()) return absl::OkStatus();
    return UsageError(absl::StrCat(spec_.name(), " has no replica ", *options_.only_replica,
                                   "; there are: 0 to ", spec_.replicas() - 1));
  }

  absl::Status WriteSharedRows() {
    HG_ASSIGN_OR_RETURN(environment_.build.source_rev, store_->Upsert(environment_.source));
    HG_ASSIGN_OR_RETURN(build_, store_->Upsert(environment_.build));
    HG_ASSIGN_OR_RETURN(host_, store_->Upsert(environment_.host));
    HG_ASSIGN_OR_RETURN(train_, store_->Upsert(DatasetRow(*corpus_, Split::kTrain)));
    HG_ASSIGN_OR_RETURN(valid_, store_->Upsert(DatasetRow(*corpus_, Split::kValid)));
    results::Experiment experiment;
    experiment.slug = spec_.name();
    experiment.spec_text = CanonicalText(spec_);
    experiment.paper_ref = spec_.paper_ref();
    experiment.command = options_.command;
    HG_ASSIGN_OR_RETURN(summary_.experiment_id, store_->Upsert(experiment));
    HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(options_.database));
    HG_ASSIGN_OR_RETURN(earlier_, reader->Runs(summary_.experiment_id));
    return absl::OkStatus();
  }

  // The budgets that run, as "500 and 2000".
  std::string BudgetNames() const {
    std::vector<int64_t> budgets;
    for (const CellPlan& plan : plans_) {
      if (budgets.empty() || budgets.back() != plan.steps) budgets.push_back(plan.steps);
    }
    return absl::StrJoin(budgets, " and ");
  }
  std::string StepsIfSeveral(const CellPlan& plan) const {
    return spec_.training().budgets_size() > 0 ? absl::StrCat(plan.steps, " steps ") : "";
  }
  // Each model once.
  std::vector<CellPlan> PlansOfOneBudget() const {
    std::vector<CellPlan> models = plans_;
    std::erase_if(models, [&](const CellPlan& plan) { return plan.steps != plans_.front().steps; });
    return models;
  }

  // What will be compared, at which cost, and what makes it weaker.
  void Announce(Progress& progress) const {
    const std::vector<CellPlan> models = PlansOfOneBudget();
    progress.Line(absl::StrFormat("%s: %d models x %d seeds, %s steps of %d x %d bytes",
                                  spec_.name(), models.size(), replicas_.size(), BudgetNames(),
                                  spec_.training().batch(), spec_.training().length()));
    const int width = LabelWidth(models);
    for (const CellPlan& plan : models) {
      std::string line = absl::StrFormat("  %-*s %9d parameters, %.4f needed training MFLOP/byte",
                                         width, plan.cell.label(), plan.parameters,
                                         1e-6 * plan.PerByte(plan.training.needed));
      if (plan.mismatch) {
        absl::StrAppendFormat(&line, ", mismatch %+.2f %%", 100 * *plan.mismatch);
      }
      progress.Line(line);
    }
    if (environment_.source.dirty) {
      progress.Line(
          "warning: dirty work tree, the program was built from files that are not in a commit");
    }
    for (const std::string& warning : environment_.warnings) progress.Line("warning: " + warning);
  }

  double WorkOf(const CellPlan& plan) const {
    return static_cast<double>(plan.training.needed) * static_cast<double>(plan.steps);
  }
  double TotalWork() const {
    double work = 0;
    for (const CellPlan& plan : plans_) work += WorkOf(plan);
    return work * static_cast<double>(replicas_.size());
  }

  results::Cell CellRow(const CellPlan& plan, const std::string& config, const Seeds& seeds,
                        int64_t replica) const {
    results::Cell row;
    row.experiment = summary_.experiment_id;
    row.config = config;
    row.dataset_train = train_;
    row.dataset_valid = valid_;
    row.seed = seeds.run;
    row.replica = replica;
    row.budget_kind = results::BudgetKind::kSteps;
    row.budget = plan.steps;
    row.backend = spec_.backend();
    row.scope = results::ParseScope(spec_.scope()).value_or(results::Scope::kScaled);
    return row;
  }

  results::RunReason ReasonFor(const std::string& cell) const {
    if (options_.force) return results::RunReason::kForce;
    for (const results::RunRecord& run : earlier_) {
      if (run.cell_id == cell) return results::RunReason::kRetry;
    }
    return results::RunReason::kFirst;
  }

  CellOutcome DoneBefore(const CellPlan& plan, int64_t replica, const std::string& run_id) const {
    CellOutcome outcome{plan.cell.label(), plan.steps,   replica, run_id,
                        "already done",    std::nullopt, 0};
    for (const results::RunRecord& run : earlier_) {
      if (run.id != run_id) continue;
      outcome.bits_per_byte = run.Value(results::kValidBitsPerByte, "final");
      outcome.train_seconds = run.Value(results::kTrainWallSeconds, "final").value_or(0);
    }
    return outcome;
  }

  results::Run RunRow(const std::string& cell, const Seeds& seeds) const {
    results::Run run;
    run.cell = cell;
    run.build = build_;
    run.host = host_;
    run.reason = ReasonFor(cell);
    run.argv = options_.argv;
    run.env = environment_.env;
    run.threads = threads_;
    run.describe_json = environment_.describe_json;
    run.warnings = environment_.warnings;
    if (environment_.source.dirty) run.warnings.push_back("--allow-dirty: uncommitted changes");
    run.engine_json = nlohmann::json({{"engine", "local"},
                                      {"seeds",
                                       {{"data", Hex(seeds.data)},
                                        {"dropout", Hex(seeds.dropout)},
                                        {"init", Hex(seeds.init)}}}})
                          .dump();
    return run;
  }

  absl::Status RunOne(const CellPlan& plan, int64_t replica, Progress& progress) {
    ++part_;
    const std::string name =
        absl::StrFormat("[%d/%d] %s %sseed %d", part_, plans_.size() * replicas_.size(),
                        plan.cell.label(), StepsIfSeveral(plan), replica);
    progress.StartPart(name);
    const Seeds seeds = DeriveSeeds(spec_.name(), CanonicalJson(spec_, plan), replica);
    HG_ASSIGN_OR_RETURN(const std::string config, store_->Upsert(ConfigRow(spec_, plan)));
    HG_ASSIGN_OR_RETURN(const std::string cell,
                        store_->Upsert(CellRow(plan, config, seeds, replica)));
    HG_ASSIGN_OR_RETURN(const std::optional<std::string> done, store_->FindOkRun(cell));
    if (done && !options_.force) {
      progress.Skip(WorkOf(plan));
      progress.Line(absl::StrCat(name, ": already done (", *done, ")"));
      summary_.cells.push_back(DoneBefore(plan, replica, *done));
      return absl::OkStatus();
    }
    HG_ASSIGN_OR_RETURN(const std::string run_id, store_->BeginRun(RunRow(cell, seeds)));
    return Finish(plan, replica, name, run_id, Train(plan, seeds, run_id, progress), progress);
  }

  absl::StatusOr<CellResult> Train(const CellPlan& plan, const Seeds& seeds,
                                   const std::string& run_id, Progress& progress) {
    CellRun cell;
    cell.spec = &spec_;
    cell.plan = &plan;
    cell.seeds = seeds;
    cell.backend = backend_;
    cell.corpus = corpus_;
    cell.valid_dataset = valid_;
    cell.store_timings = !environment_.debug_build;
    if (options_.checkpoints) {
      cell.checkpoint_path = absl::StrCat(FolderOf(options_.database), "/", run_id, ".safetensors");
    }
    cell.stop = options_.stop;
    cell.progress = [&](int64_t step, const std::string& status) {
      progress.Update(done_work_ + static_cast<double>(step * plan.training.needed), status);
    };
    const std::string load = LoadJson();
    absl::StatusOr<CellResult> result = TrainCell(cell, *store_, run_id);
    if (result.ok() && !load.empty()) {
      result->outcome.load_json = nlohmann::json({{"before", nlohmann::json::parse(load)},
                                                  {"after", nlohmann::json::parse(LoadJson())}})
                                      .dump();
    }
    done_work_ += WorkOf(plan);
    return result;
  }

  // Ends the run, whatever came of it.
  absl::Status Finish(const CellPlan& plan, int64_t replica, const std::string& name,
                      const std::string& run_id, absl::StatusOr<CellResult> result,
                      Progress& progress) {
    if (!result.ok()) {
      results::Outcome outcome;
      outcome.status = absl::IsUnimplemented(result.status()) ? results::RunStatus::kUnsupported
                                                              : results::RunStatus::kFailed;
      outcome.exit_code = ExitCodeFor(result.status());
      outcome.error = std::string(result.status().message());
      // The first error is the one to tell; a database that cannot be written says so itself.
      store_->EndRun(run_id, outcome).IgnoreError();
      return absl::Status(result.status().code(),
                          absl::StrCat(name, ": ", result.status().message()));
    }
    HG_RETURN_IF_ERROR(store_->EndRun(run_id, result->outcome));
    const std::string status(results::ToString(result->outcome.status));
    summary_.cells.push_back({plan.cell.label(), plan.steps, replica, run_id, status,
                              result->bits_per_byte, result->train_seconds});
    if (result->outcome.exit_code == kExitInterrupted) {
      summary_.exit_code = kExitInterrupted;
    } else if (result->outcome.exit_code == kExitDiverged) {
      summary_.exit_code = kExitDiverged;
    }
    std::string line = absl::StrCat(name, ": ", status);
    if (result->bits_per_byte && result->outcome.exit_code == kExitOk) {
      absl::StrAppendFormat(&line, ", %.4f bits per byte", *result->bits_per_byte);
    }
    if (!result->outcome.error.empty()) absl::StrAppend(&line, ", ", result->outcome.error);
    absl::StrAppend(&line, ", ", Progress::Duration(result->train_seconds), " (", run_id, ")");
    progress.Line(line);
    return absl::OkStatus();
  }

  const specs::Experiment& spec_;
  const RunOptions& options_;
  std::vector<CellPlan> plans_;
  std::vector<int64_t> replicas_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const ByteCorpus> corpus_;
  Environment environment_;
  std::unique_ptr<results::ResultsStore> store_;
  std::vector<results::RunRecord> earlier_;   // of this experiment, before this sweep
  std::string build_, host_, train_, valid_;  // row ids
  int threads_ = 1;
  int64_t part_ = 0;
  double done_work_ = 0;
  RunSummary summary_;
};

}  // namespace

absl::StatusOr<RunSummary> RunExperiment(const specs::Experiment& spec, const RunOptions& options) {
  return Sweep(spec, options).Run();
}

}  // namespace hourglass
