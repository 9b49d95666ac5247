#include "experiments/runner/run_cell.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/runner/cell_outcome.h"
#include "experiments/runner/counting_backend.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/op_profile.h"
#include "experiments/runner/resume.h"
#include "experiments/runner/split_evaluation.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/trainer.h"
#include "results_db/metrics.h"

namespace hourglass {
namespace {

constexpr double kNanosPerSecond = 1e9;
// Guessing costs ln(vocabulary) nats; a mean loss of ten times that is no learning any more.
constexpr double kHopelessLoss = 10.0;

double SecondsSince(int64_t start) {
  return static_cast<double>(MonotonicNanos() - start) / kNanosPerSecond;
}

// Errors that may be gone when the same command is given again.
bool MayPass(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsAborted(status) ||
         absl::IsResourceExhausted(status) || absl::IsPermissionDenied(status);
}

class CellRunner {
 public:
  CellRunner(const CellRun& cell, results::ResultsStore& store, const std::string& run_id)
      : cell_(cell),
        spec_(*cell.spec),
        plan_(*cell.plan),
        store_(store),
        run_id_(run_id),
        backend_(std::make_shared<CountingBackend>(cell.backend)),
        clock_(cell.checkpoint_seconds) {}

  absl::StatusOr<CellResult> Run() {
    HG_RETURN_IF_ERROR(Prepare());
    if (cell_.resume) HG_RETURN_IF_ERROR(Resume());
    result_.cut_off = TrainAndSave();
    if (!result_.cut_off.ok() && !MayPass(result_.cut_off)) return result_.cut_off;
    Describe();
    result_.bits_per_byte = progress_.bits_per_byte;
    result_.train_seconds = progress_.train_seconds;
    result_.steps = steps_run_;
    return std::move(result_);
  }

 private:
  absl::Status Prepare() {
    HG_ASSIGN_OR_RETURN(TrainSettings settings, TrainSettingsOf(spec_, plan_.steps, plan_.length));
    settings.data_seed = cell_.seeds.data;
    settings.init_seed = cell_.seeds.init;
    settings.dropout_seed = cell_.seeds.dropout;
    const auto data = std::make_shared<ByteWindows>(
        cell_.corpus, cell_.corpus->Range(Split::kTrain), spec_.data().window_stride());
    HG_ASSIGN_OR_RETURN(trainer_, Trainer::Create(plan_.model, backend_, data, settings));
    if (spec_.training().time_parts() && cell_.store_timings) {
      part_clock_.emplace(trainer_->accumulate_program(), trainer_->update_program());
    }
    HG_ASSIGN_OR_RETURN(valid_,
                        EvaluationOf(spec_.evaluation(), Split::kValid, cell_.valid_dataset));
    if (spec_.has_test()) {
      HG_ASSIGN_OR_RETURN(test_, EvaluationOf(spec_.test(), Split::kTest, cell_.test_dataset));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<SplitEvaluation>> EvaluationOf(const specs::Evaluation& protocol,
                                                                Split split,
                                                                const std::string& dataset) {
    return SplitEvaluation::Create(protocol, plan_.model, backend_, trainer_->state(),
                                   trainer_->settings().dtype, cell_.corpus->Bytes(split), dataset,
                                   &trainer_->accumulate_program());
  }

  // Takes over the checkpoint if it can be; else everything is computed again, to the same bits.
  absl::Status Resume() {
    std::string note = "had no checkpoint, resumed from the start";
    if (!cell_.checkpoint_path.empty()) {
      RemoveHalfWritten(cell_.checkpoint_path);
      RemoveHalfWritten(FinalCheckpointPath(cell_.checkpoint_path));
    }
    if (!cell_.checkpoint_path.empty() && std::filesystem::exists(cell_.checkpoint_path)) {
      const absl::Status status = Restore();
      if (status.ok()) {
        note = absl::StrCat("resumed after step ", steps_run_);
      } else {
        note = absl::StrCat("resumed from the start, its checkpoint cannot be used: ",
                            status.message());
        progress_ = {};
        part_clock_.reset();
        valid_.reset();
        test_.reset();
        trainer_.reset();
        HG_RETURN_IF_ERROR(Prepare());
      }
    }
    if (cell_.resumed) cell_.resumed(steps_run_, note);
    return store_.AddWarning(run_id_, note);
  }

  absl::Status Restore() {
    HG_ASSIGN_OR_RETURN(const CheckpointInfo info, ReadCheckpointInfo(cell_.checkpoint_path));
    HG_ASSIGN_OR_RETURN(progress_, ProgressFromMetadata(info.metadata));
    HG_ASSIGN_OR_RETURN(const bool rows_reach,
                        RowsReach(store_, run_id_, info.step, progress_.evaluated_step,
                                  spec_.evaluation().every_steps()));
    if (!rows_reach) {
      return absl::DataLossError(
          absl::StrCat("the database lacks rows of its ", info.step, " steps"));
    }
    HG_RETURN_IF_ERROR(trainer_->Restore(cell_.checkpoint_path));
    steps_run_ = trainer_->step();
    return absl::OkStatus();
  }

  absl::Status TrainAndSave() {
    absl::Status status = TrainSteps();
    if (status.ok() && result_.outcome.status == results::RunStatus::kOk) status = Test();
    if (absl::IsAlreadyExists(status)) return NotReproducible(status);
    if (absl::IsCancelled(status)) {
      HG_RETURN_IF_ERROR(SaveToGoOn());
      return Stopped();
    }
    HG_RETURN_IF_ERROR(status);
    if (result_.outcome.status == results::RunStatus::kDiverged) return absl::OkStatus();
    Summarise();
    return SaveFinal();
  }

  // Cancelled when a stop was asked for.
  absl::Status TrainSteps() {
    HG_RETURN_IF_ERROR(EvaluateIfDue());
    while (trainer_->step() < plan_.steps) {
      HG_RETURN_IF_ERROR(CheckStop());
      HG_ASSIGN_OR_RETURN(const StepResult result, trainer_->Step());
      progress_.train_seconds += result.seconds;
      ++steps_run_;
      HG_RETURN_IF_ERROR(StoreStep(result));
      if (result.diverged || Hopeless(result.loss)) {
        EndAsDiverged(steps_run_, result, result_.outcome);
        return absl::OkStatus();
      }
      HG_RETURN_IF_ERROR(SaveIfDue());
      HG_RETURN_IF_ERROR(EvaluateIfDue());
      Report(result);
    }
    return absl::OkStatus();
  }

  static absl::Status Stopped() { return absl::CancelledError("stopped by a signal"); }

  absl::Status CheckStop() const {
    return cell_.stop && cell_.stop() ? Stopped() : absl::OkStatus();
  }

  bool Hopeless(double loss) const {
    return loss > kHopelessLoss * std::log(static_cast<double>(plan_.config.vocab_size));
  }

  absl::Status NotReproducible(const absl::Status& status) const {
    return absl::InternalError(absl::StrCat(
        "not reproducible: what was computed again differs from what is stored (", status.message(),
        "); the run is ended as failed, the same command makes a new attempt"));
  }

  int64_t FlopsUpTo(int64_t step) const { return step * plan_.training.needed; }

  // Values of the metric after the steps run, with compute and time spent until then.
  results::Sample SampleOf(std::string_view metric, double value) const {
    results::Sample sample{metric, steps_run_, value, FlopsUpTo(steps_run_), std::nullopt};
    if (cell_.store_timings) {
      sample.wall_ns = static_cast<int64_t>(progress_.train_seconds * kNanosPerSecond);
    }
    return sample;
  }

  absl::Status StoreStep(const StepResult& result) {
    std::vector<results::Sample> samples = {
        SampleOf(results::kTrainLossNats, result.loss),
        SampleOf(results::kTrainBitsPerByte, result.bits_per_byte)};
    if (steps_run_ % spec_.training().log_every() == 0 || result.diverged) {
      samples.push_back(SampleOf(results::kGradientNorm, result.gradient_norm));
      samples.push_back(SampleOf(results::kLearningRate, result.rate));
    }
    if (cell_.store_timings) HG_RETURN_IF_ERROR(store_.AppendTimings(run_id_, TimingsOf(result)));
    return store_.Append(run_id_, samples);
  }

  // Of the step just taken, as a whole and by its parts.
  std::vector<results::Timing> TimingsOf(const StepResult& result) {
    std::vector<results::Timing> timings;
    const auto add = [&](const std::string& bench, int64_t nanos) {
      results::Timing timing;
      timing.bench = bench;
      timing.ord = steps_run_;
      timing.ns = nanos;
      timings.push_back(std::move(timing));
    };
    add("train_step", static_cast<int64_t>(result.seconds * kNanosPerSecond));
    if (!part_clock_) return timings;
    const PartTimes parts = part_clock_->Take();
    for (const StepPart part : kStepParts) {
      add(absl::StrCat("train_step/", std::string(Name(part))), parts[static_cast<size_t>(part)]);
    }
    return timings;
  }

  // After the last step always, for its blocks are only kept in memory.
  bool IsEvaluationDue() const {
    const int64_t every = spec_.evaluation().every_steps();
    if (steps_run_ == plan_.steps) return result_.blocks.empty();
    return every > 0 && steps_run_ % every == 0 && progress_.evaluated_step < steps_run_;
  }

  absl::Status EvaluateIfDue() {
    if (!IsEvaluationDue()) return absl::OkStatus();
    HG_RETURN_IF_ERROR(CheckStop());
    const int64_t start = MonotonicNanos();
    HG_ASSIGN_OR_RETURN(const Evaluation evaluation, valid_->Run(cell_.stop));
    CountEvaluation(start, evaluation);
    progress_.bits_per_byte = evaluation.BitsPerByte();
    const results::Sample samples[] = {
        SampleOf(results::kValidLossNats, evaluation.NatsPerToken()),
        SampleOf(results::kValidBitsPerByte, *progress_.bits_per_byte)};
    HG_RETURN_IF_ERROR(store_.Append(run_id_, samples));
    progress_.evaluated_step = steps_run_;
    if (steps_run_ == plan_.steps) result_.blocks = valid_->BlocksOf(evaluation, steps_run_);
    return SaveIfDue();
  }

  void CountEvaluation(int64_t start, const Evaluation& evaluation) {
    progress_.eval_seconds += SecondsSince(start);
    progress_.eval_bytes += evaluation.tokens;
  }

  absl::Status Test() {
    if (test_ == nullptr) return absl::OkStatus();
    const int64_t start = MonotonicNanos();
    HG_ASSIGN_OR_RETURN(const Evaluation evaluation, test_->Run(cell_.stop));
    CountEvaluation(start, evaluation);
    result_.test_bits_per_byte = evaluation.BitsPerByte();
    for (results::EvalBlock& block : test_->BlocksOf(evaluation, steps_run_)) {
      result_.blocks.push_back(std::move(block));
    }
    AddFinal(results::kTestLossNats, evaluation.NatsPerToken());
    AddFinal(results::kTestBitsPerByte, *result_.test_bits_per_byte);
    return absl::OkStatus();
  }

  void AddFinal(std::string_view metric, double value) {
    result_.summaries.push_back(FinalValue(metric, value));
  }

  void Summarise() {
    AddFinal(results::kValidBitsPerByte, *progress_.bits_per_byte);
    AddFinal(results::kPeakRssBytes, static_cast<double>(PeakResidentBytes()));
    if (!cell_.store_timings) return;
    for (const results::Summary& summary :
         SpeedSummaries(progress_, steps_run_, plan_.batch * plan_.length)) {
      result_.summaries.push_back(summary);
    }
  }

  absl::Status SaveIfDue() {
    return cell_.checkpoint_path.empty() || !clock_.Due() ? absl::OkStatus() : SaveToGoOn();
  }

  // Rows first: a checkpoint may never be ahead of them.
  absl::Status SaveToGoOn() {
    HG_RETURN_IF_ERROR(store_.Flush());
    if (cell_.checkpoint_path.empty()) return absl::OkStatus();
    const int64_t start = MonotonicNanos();
    HG_RETURN_IF_ERROR(trainer_->Save(cell_.checkpoint_path, ToMetadata(progress_)));
    clock_.Saved(start);
    return absl::OkStatus();
  }

  // Without the run's times, so that equal runs have equal files.
  absl::Status SaveFinal() {
    if (cell_.checkpoint_path.empty()) return absl::OkStatus();
    const std::string path = FinalCheckpointPath(cell_.checkpoint_path);
    HG_RETURN_IF_ERROR(trainer_->Save(path));
    HG_ASSIGN_OR_RETURN(result_.outcome.ckpt_sha256, Sha256FileHex(path));
    return absl::OkStatus();
  }

  void Describe() {
    results::Outcome& outcome = result_.outcome;
    DescribeWork(*trainer_, steps_run_, outcome);
    outcome.peak_bytes_planned = trainer_->PlannedBytes() + valid_->PlannedBytes();
    if (test_ != nullptr) *outcome.peak_bytes_planned += test_->PlannedBytes();
    outcome.peak_bytes_held = backend_->peak_bytes();
  }

  void Report(const StepResult& result) const {
    if (!cell_.progress) return;
    std::string status =
        absl::StrFormat("step %d/%d  %.3f bits", steps_run_, plan_.steps, result.bits_per_byte);
    if (progress_.bits_per_byte) {
      absl::StrAppendFormat(&status, " (valid %.3f)", *progress_.bits_per_byte);
    }
    const double bytes = static_cast<double>(steps_run_ * plan_.batch * plan_.length);
    absl::StrAppendFormat(&status, "  %.1f kB/s", bytes / progress_.train_seconds / 1000);
    cell_.progress(steps_run_, status);
  }

  const CellRun& cell_;
  const specs::Experiment& spec_;
  const CellPlan& plan_;
  results::ResultsStore& store_;
  const std::string& run_id_;
  std::shared_ptr<CountingBackend> backend_;
  CheckpointClock clock_;
  std::unique_ptr<Trainer> trainer_;
  std::optional<PartClock> part_clock_;  // of trainer_
  std::unique_ptr<SplitEvaluation> valid_, test_;
  RunProgress progress_;
  CellResult result_;
  int64_t steps_run_ = 0;  // a diverged one included
};

}  // namespace

absl::StatusOr<CellResult> TrainCell(const CellRun& cell, results::ResultsStore& store,
                                     const std::string& run_id) {
  return CellRunner(cell, store, run_id).Run();
}

}  // namespace hourglass
