#include "experiments/runner/run_experiment.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/cell_rows.h"
#include "experiments/runner/data_source.h"
#include "experiments/runner/memory_need.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/resume.h"
#include "experiments/runner/run_cell.h"
#include "experiments/runner/run_lock.h"
#include "experiments/runner/seeds.h"
#include "experiments/runner/spec_loader.h"
#include "experiments/runner/sweep_plan.h"
#include "hourglass/base/core_count.h"
#include "hourglass/base/file.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/query.h"
#include "results_db/store.h"

namespace hourglass {
namespace {

class Sweep {
 public:
  Sweep(const specs::Experiment& spec, const RunOptions& options)
      : spec_(spec), options_(options) {}

  absl::StatusOr<RunSummary> Run() {
    HG_RETURN_IF_ERROR(Prepare());
    HG_RETURN_IF_ERROR(Open());
    Progress progress(*options_.log, options_.progress, sweep_.Work());
    Announce(spec_, sweep_, environment_, progress);
    for (const int64_t replica : sweep_.replicas) {
      for (const CellPlan& plan : sweep_.cells) {
        if (options_.stop && options_.stop()) summary_.exit_code = kExitInterrupted;
        if (summary_.exit_code == kExitInterrupted) return std::move(summary_);
        HG_RETURN_IF_ERROR(RunOne(plan, replica, progress));
      }
    }
    return std::move(summary_);
  }

 private:
  absl::Status Prepare() {
    threads_ = options_.threads > 0 ? options_.threads : CoreCount();
    // First: kernels are planned with as much memory as these threads take.
    HG_RETURN_IF_ERROR(RequestThreads(threads_));
    HG_ASSIGN_OR_RETURN(sweep_, PlanSweep(spec_, options_.selection));
    HG_RETURN_IF_ERROR(CheckMemory());
    HG_ASSIGN_OR_RETURN(backend_, MakeBackend(spec_.backend()));
    HG_ASSIGN_OR_RETURN(corpus_, OpenCorpus(spec_.data(), LongestOf(spec_)));
    HG_ASSIGN_OR_RETURN(environment_, CaptureEnvironment(options_.stamp, *backend_, threads_,
                                                         spec_.training().dtype()));
    return CheckTree();
  }

  // Now, and not after hours of smaller cells.
  absl::Status CheckMemory() const {
    const std::optional<int64_t> available =
        options_.available_bytes ? options_.available_bytes : AvailableMemoryBytes();
    for (const CellPlan& plan : sweep_.cells) {
      HG_RETURN_IF_ERROR(ExpectMemory(
          absl::StrCat(spec_.name(), ", cell \"", plan.cell.label(), "\""), plan.planned_bytes,
          available,
          "make model.d_model, model.d_ff, training.length or training.batch smaller or "
          "training.micro_batches larger with --set, take other cells with --cell, or free "
          "memory (`hourglass plan` prints what each cell needs)"));
    }
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

  absl::Status Open() {
    HG_RETURN_IF_ERROR(MakeDirectories(FolderOf(options_.database)));
    HG_ASSIGN_OR_RETURN(lock_, RunLock::Take(options_.database));
    results::StoreOptions store;
    store.busy_timeout = options_.busy_timeout;
    store.on_wait = [this] {
      *options_.log << "hourglass: " << options_.database
                    << ": locked by another program, waiting for it" << std::endl;
    };
    auto opened = results::ResultsStore::Open(options_.database, store);
    if (!opened.ok()) lock_->RemoveNewFile();
    HG_ASSIGN_OR_RETURN(store_, std::move(opened));
    HG_ASSIGN_OR_RETURN(shared_,
                        WriteSharedRows(*store_, spec_, environment_, *corpus_, options_.command));
    summary_.experiment_id = shared_.experiment;
    HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(options_.database));
    HG_ASSIGN_OR_RETURN(earlier_, reader->Runs(summary_.experiment_id));
    return absl::OkStatus();
  }

  std::string StepsIfSeveral(const CellPlan& plan) const {
    return spec_.training().budgets_size() > 0 ? absl::StrCat(plan.steps, " steps ") : "";
  }
  results::RunReason ReasonFor(const std::string& cell) const {
    if (options_.force) return results::RunReason::kForce;
    for (const results::RunRecord& run : earlier_) {
      if (run.cell_id == cell) return results::RunReason::kRetry;
    }
    return results::RunReason::kFirst;
  }

  // The cell's last run if that was this program on this machine with these threads, and diverged:
  // the next one would too.
  const results::RunRecord* FindDiverged(const std::string& cell) const {
    const results::RunRecord* last = nullptr;
    for (const results::RunRecord& run : earlier_) {
      const bool same = run.cell_id == cell && run.build_id == shared_.build &&
                        run.host_id == shared_.host && run.run.threads == threads_;
      if (same && (last == nullptr || run.id > last->id)) last = &run;
    }
    return last != nullptr && last->status == results::RunStatus::kDiverged ? last : nullptr;
  }

  // A cell that is not run; `run_id` says why not.
  CellOutcome Skip(const CellPlan& plan, int64_t replica, const std::string& run_id,
                   const std::string& status, Progress& progress) {
    CellOutcome outcome;
    outcome.label = plan.cell.label();
    outcome.budget = outcome.steps_done = plan.steps;
    outcome.replica = replica;
    outcome.run_id = run_id;
    outcome.status = status;
    progress.Skip(WorkOf(plan));
    return outcome;
  }

  // A cell that has a finished run.
  absl::Status SkipDone(const CellPlan& plan, int64_t replica, const std::string& name,
                        const std::string& run_id, Progress& progress) {
    CellOutcome outcome = Skip(plan, replica, run_id, "already done", progress);
    for (const results::RunRecord& run : earlier_) {
      if (run.id != run_id) continue;
      outcome.bits_per_byte = run.Value(results::kValidBitsPerByte, "final");
      outcome.test_bits_per_byte = run.Value(results::kTestBitsPerByte, "final");
      outcome.train_seconds = run.Value(results::kTrainWallSeconds, "final").value_or(0);
    }
    progress.Line(absl::StrCat(name, ": already done, run ", run_id));
    summary_.cells.push_back(std::move(outcome));
    // Its process may have been killed between the database and the file.
    return options_.checkpoints ? PublishFinalCheckpoint(CheckpointPath(run_id)) : absl::OkStatus();
  }

  void SkipDiverged(const CellPlan& plan, int64_t replica, const std::string& name,
                    const results::RunRecord& run, Progress& progress) {
    CellOutcome outcome = Skip(plan, replica, run.id, "diverged before", progress);
    const auto losses = run.summaries.find(results::kTrainLossNats);
    const bool has_losses = losses != run.summaries.end() && losses->second.contains("last");
    outcome.steps_done = has_losses ? losses->second.at("last").n : 0;
    progress.Line(absl::StrCat(name, ": diverged before, run ", run.id, " (", run.outcome.error,
                               "); the same program would again, --force tries"));
    summary_.cells.push_back(std::move(outcome));
    summary_.exit_code = kExitDiverged;
  }

  std::string CheckpointPath(const std::string& run_id) const {
    return absl::StrCat(FolderOf(options_.database), "/", run_id, ".safetensors");
  }

  absl::Status RunOne(const CellPlan& plan, int64_t replica, Progress& progress) {
    ++part_;
    const std::string name = absl::StrFormat("[%d/%d] %s %sseed %d", part_, sweep_.Runs(),
                                             plan.cell.label(), StepsIfSeveral(plan), replica);
    progress.StartPart(name);
    const Seeds seeds = DeriveSeeds(spec_.name(), CanonicalJson(spec_, plan), replica);
    HG_ASSIGN_OR_RETURN(const std::string config, store_->Upsert(ConfigRow(spec_, plan)));
    HG_ASSIGN_OR_RETURN(const std::string cell,
                        store_->Upsert(CellRow(spec_, shared_, plan, config, seeds, replica)));
    HG_ASSIGN_OR_RETURN(const std::optional<std::string> done, store_->FindOkRun(cell));
    if (done && !options_.force) return SkipDone(plan, replica, name, *done, progress);
    if (const auto* run = FindDiverged(cell); run != nullptr && !options_.force) {
      SkipDiverged(plan, replica, name, *run, progress);
      return absl::OkStatus();
    }
    const Attempt attempt{cell, shared_.build, shared_.host, threads_, options_.force};
    const auto log = [&](const std::string& line) {
      progress.Line(absl::StrCat(name, ": ", line));
    };
    HG_ASSIGN_OR_RETURN(std::optional<std::string> run_id, SettleUnfinished(*store_, attempt, log));
    const bool resume = run_id.has_value();
    if (!resume) {
      results::Run run = RunRow(shared_, environment_, cell, seeds, options_.argv, threads_);
      run.reason = ReasonFor(cell);
      HG_ASSIGN_OR_RETURN(run_id, store_->BeginRun(run));
    }
    return Finish(plan, replica, name, *run_id, Train(plan, seeds, *run_id, resume, log, progress),
                  progress);
  }

  absl::StatusOr<CellResult> Train(const CellPlan& plan, const Seeds& seeds,
                                   const std::string& run_id, bool resume,
                                   const std::function<void(const std::string& line)>& log,
                                   Progress& progress) {
    CellRun cell;
    cell.spec = &spec_;
    cell.plan = &plan;
    cell.seeds = seeds;
    cell.backend = backend_;
    cell.corpus = corpus_;
    cell.valid_dataset = shared_.valid;
    cell.test_dataset = shared_.test;
    cell.store_timings = !environment_.debug_build;
    if (options_.checkpoints) cell.checkpoint_path = CheckpointPath(run_id);
    cell.checkpoint_seconds = options_.checkpoint_seconds;
    cell.stop = options_.stop;
    cell.resume = resume;
    int64_t first = 0;  // steps that an earlier process did
    cell.resumed = [&](int64_t step, const std::string& note) {
      first = step;
      progress.Skip(static_cast<double>(step * plan.training.needed));
      log(absl::StrCat(note, ", run ", run_id));
    };
    cell.progress = [&](int64_t step, const std::string& status) {
      progress.Update(done_work_ + static_cast<double>((step - first) * plan.training.needed),
                      status);
    };
    const std::string load = LoadJson();
    absl::StatusOr<CellResult> result = TrainCell(cell, *store_, run_id);
    if (result.ok() && !load.empty()) {
      result->outcome.load_json = nlohmann::json({{"before", nlohmann::json::parse(load)},
                                                  {"after", nlohmann::json::parse(LoadJson())}})
                                      .dump();
    }
    done_work_ += WorkOf(plan) - static_cast<double>(first * plan.training.needed);
    return result;
  }

  // Ends the run, whatever came of it, unless it can go on later.
  absl::Status Finish(const CellPlan& plan, int64_t replica, const std::string& name,
                      const std::string& run_id, absl::StatusOr<CellResult> result,
                      Progress& progress) {
    if (!result.ok()) return Fail(name, run_id, result.status());
    CellOutcome outcome;
    outcome.label = plan.cell.label();
    outcome.budget = plan.steps;
    outcome.replica = replica;
    outcome.run_id = run_id;
    outcome.status = "interrupted";
    outcome.bits_per_byte = result->bits_per_byte;
    outcome.test_bits_per_byte = result->test_bits_per_byte;
    outcome.train_seconds = result->train_seconds;
    outcome.steps_done = result->steps;
    if (!result->cut_off.ok()) return LeaveUnfinished(name, outcome, result->cut_off, progress);
    HG_RETURN_IF_ERROR(store_->EndRun(run_id, result->outcome, result->summaries, result->blocks));
    if (options_.checkpoints) HG_RETURN_IF_ERROR(PublishFinalCheckpoint(CheckpointPath(run_id)));
    outcome.status = std::string(results::ToString(result->outcome.status));
    if (result->outcome.exit_code == kExitDiverged) summary_.exit_code = kExitDiverged;
    std::string line = absl::StrCat(name, ": ", outcome.status);
    if (result->bits_per_byte && result->outcome.exit_code == kExitOk) {
      absl::StrAppendFormat(&line, ", %.4f bits per byte", *result->bits_per_byte);
    }
    if (result->test_bits_per_byte) {
      absl::StrAppendFormat(&line, " (test %.4f)", *result->test_bits_per_byte);
    }
    if (!result->outcome.error.empty()) absl::StrAppend(&line, ", ", result->outcome.error);
    absl::StrAppend(&line, ", ", Progress::Duration(result->train_seconds), ", run ", run_id);
    progress.Line(line);
    summary_.cells.push_back(std::move(outcome));
    return absl::OkStatus();
  }

  absl::Status Fail(const std::string& name, const std::string& run_id,
                    const absl::Status& status) {
    results::Outcome outcome;
    outcome.status = absl::IsUnimplemented(status) ? results::RunStatus::kUnsupported
                                                   : results::RunStatus::kFailed;
    outcome.exit_code = ExitCodeFor(status);
    outcome.error = std::string(status.message());
    // The first error is the one to tell; a database that cannot be written says so itself.
    store_->EndRun(run_id, outcome).IgnoreError();
    return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
  }

  absl::Status LeaveUnfinished(const std::string& name, const CellOutcome& outcome,
                               const absl::Status& reason, Progress& progress) {
    const std::string line = absl::StrCat(
        name, ": ", reason.message(), " after step ", outcome.steps_done, " of ", outcome.budget,
        "; run ", outcome.run_id, " is not finished, the same command goes on with it");
    if (!absl::IsCancelled(reason)) return absl::Status(reason.code(), line);
    progress.Line(line);
    summary_.cells.push_back(outcome);
    summary_.exit_code = kExitInterrupted;
    return absl::OkStatus();
  }

  const specs::Experiment& spec_;
  const RunOptions& options_;
  SweepPlan sweep_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const ByteCorpus> corpus_;
  Environment environment_;
  std::optional<RunLock> lock_;  // before the store: given back after it is closed
  std::unique_ptr<results::ResultsStore> store_;
  std::vector<results::RunRecord> earlier_;  // of this experiment, before this sweep
  SharedRows shared_;
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
